"""The JSON Schemas of the messages: `python -m pipeline_contracts.schemas` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline_contracts.topics import TOPICS

FOLDER = Path(__file__).parent / "schemas"


def current() -> dict[str, str]:
    """File name to schema text, for every message of every topic."""
    models = [model for topic in TOPICS for model in topic.messages]
    return {
        f"{model.event_type}.json": json.dumps(
            {"$id": f"urn:{model.event_type}"} | model.model_json_schema(), indent=2, sort_keys=True
        )
        + "\n"
        for model in models
    }


def main() -> None:
    """Write the schemas and remove those of messages that are gone."""
    FOLDER.mkdir(exist_ok=True)
    wanted = current()
    for stale in set(FOLDER.glob("*.json")) - {FOLDER / name for name in wanted}:
        stale.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
