"""The README's table of connectors: `python -m tests.support.connector_table` prints it, `--write` puts it there."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from callvault.checking.description import LINES, count_lines
from pipeline_runtime.connectors import Connector

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- connectors -->\n", "<!-- /connectors -->\n"
_WAYS = {"oauth2": "sign-in", "api_key": "key", "url": "link", "file": "file"}
_HEAD = "| source | connects by | lines | webhooks |\n|---|---|---|---|\n"


def folders() -> list[Path]:
    """Every connector's folder."""
    return sorted((ROOT / "services").glob("*-connector"))


def connector_in(folder: Path) -> Connector:
    """What the folder's package hands to the kit, installed or not."""
    sys.path.insert(0, str(folder / "src"))
    try:
        found = import_module(f"{folder.name.replace('-', '_')}.connector").CONNECTOR
    finally:
        sys.path.pop(0)
    assert isinstance(found, Connector)
    return found


def table() -> str:
    """In Markdown, a row for each connector."""
    return _HEAD + "".join(_row(folder) for folder in folders())


def _row(folder: Path) -> str:
    manifest = connector_in(folder).manifest
    ways = ", ".join(_WAYS[way] for way in manifest.connect)
    pushed = (
        "none" if manifest.webhook is None else "each account" if manifest.webhook.per_account else "all at one"
    )
    return f"| {manifest.name} | {ways} | {count_lines(folder)} | {pushed} |\n"


def written() -> str:
    """The table as it stands in the README."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    """Put the table in its place."""
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.stdout.write(table() + f"At most {LINES} lines each.\n")
    if "--write" in sys.argv:
        write()
