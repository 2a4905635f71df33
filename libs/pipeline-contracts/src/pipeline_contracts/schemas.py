"""The JSON Schemas of the messages: `python -m pipeline_contracts.schemas` writes them anew.

With `--check` it writes nothing, prints how the committed ones differ, and leaves with 1 if they do.
"""

from __future__ import annotations

import json
import sys
from difflib import unified_diff
from pathlib import Path

from pipeline_contracts.topics import ALL_TOPICS

FOLDER = Path(__file__).parent / "schemas"
HOW_TO_MEND = "Read the difference; where it is meant, write the schemas: python -m pipeline_contracts.schemas"


def current() -> dict[str, str]:
    """File name to schema text, for every message of every topic."""
    models = [model for topic in ALL_TOPICS for model in topic.messages]
    return {
        f"{model.event_type}.json": json.dumps(
            {"$id": f"urn:{model.event_type}"} | model.model_json_schema(), indent=2, sort_keys=True
        )
        + "\n"
        for model in models
    }


def committed(folder: Path = FOLDER) -> dict[str, str]:
    """File name to schema text, as they lie in the folder."""
    return {path.name: path.read_text() for path in folder.glob("*.json")}


def difference(folder: Path = FOLDER) -> str:
    """From the committed schemas to the models', as a unified diff; empty where they agree."""
    old, new = committed(folder), current()
    return "".join(
        line
        for name in sorted(old.keys() | new.keys())
        for line in unified_diff(
            old.get(name, "").splitlines(keepends=True),
            new.get(name, "").splitlines(keepends=True),
            f"committed/{name}",
            f"models/{name}",
        )
    )


def write(folder: Path = FOLDER) -> None:
    """Write the schemas and remove those of messages that are gone."""
    folder.mkdir(exist_ok=True)
    wanted = current()
    for stale in committed(folder).keys() - wanted.keys():
        (folder / stale).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)


def main(arguments: list[str]) -> int:
    """Write, or check; answers the exit code."""
    if arguments != ["--check"]:
        write()
        return 0
    found = difference()
    if found:
        sys.stderr.write(f"{found}\n{HOW_TO_MEND}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
