"""`python -m ingest_gateway`."""

from ingest_gateway.app import create_app
from ingest_gateway.messages import SERVICE
from ingest_gateway.settings import GatewaySettings
from pipeline_runtime.service import serve

if __name__ == "__main__":
    settings = GatewaySettings()
    serve(SERVICE, settings, lambda: create_app(settings))
