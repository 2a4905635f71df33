"""Writes the page's API types from what the gateway says of itself; with --check says whether they are current.

    .venv/bin/python web/scripts/api_types.py [--check]

Needs what `make setup-dev` and `npm ci` install. No server is asked, and no database.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest_gateway.app import create_app
from ingest_gateway.openapi import describe
from ingest_gateway.settings import GatewaySettings

WEB = Path(__file__).parents[1]
TYPES = WEB / "src" / "api" / "schema.d.ts"
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"


def document(folder: Path) -> str:
    """The OpenAPI document, as JSON."""
    settings = GatewaySettings.model_validate(
        {
            "kafka_bootstrap_servers": "127.0.0.1:9",
            "gateway_database_url": NOWHERE,
            "intake_database_url": NOWHERE,
            "storage_url": folder.as_uri(),
            "public_url": "http://127.0.0.1:8000",
        }
    )
    return json.dumps(describe(create_app(settings)))


def types() -> str:
    """The TypeScript of it."""
    with TemporaryDirectory() as scratch:
        description, written = Path(scratch) / "openapi.json", Path(scratch) / "schema.d.ts"
        description.write_text(document(Path(scratch)))
        command = ["npx", "--no-install", "openapi-typescript", str(description), "--output", str(written)]
        subprocess.run(command, cwd=WEB, check=True, capture_output=True)
        return written.read_text()


def main() -> int:
    """The exit code: 1 where --check finds other types than the committed ones."""
    now = types()
    if "--check" in sys.argv[1:]:
        if TYPES.exists() and TYPES.read_text() == now:
            return 0
        print(
            "web/src/api/schema.d.ts is not that of the gateway. Run web/scripts/api_types.py.", file=sys.stderr
        )
        return 1
    TYPES.write_text(now)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
