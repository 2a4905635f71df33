"""youtube-connector: runs until it is told to stop."""

from pipeline_runtime.connectors import serve
from youtube_connector.connector import CONNECTOR

if __name__ == "__main__":
    serve(CONNECTOR)
