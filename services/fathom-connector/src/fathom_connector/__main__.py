"""fathom-connector: runs until it is told to stop."""

from fathom_connector.connector import CONNECTOR
from pipeline_runtime.connectors import serve

if __name__ == "__main__":
    serve(CONNECTOR)
