"""The committed JSON Schemas are those of the models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pipeline_contracts import ALL_TOPICS, schemas


def test_the_committed_schemas_are_the_models() -> None:
    found = schemas.difference()
    assert not found, f"\n{found}\n{schemas.HOW_TO_MEND}"


def test_a_changed_a_missing_and_a_stale_schema_are_each_told_and_mended(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    changed, missing, *_ = sorted(tmp_path.iterdir())
    changed.write_text(changed.read_text().replace('"type": "object"', '"type": "array"'))
    missing.unlink()
    (tmp_path / "callvault.gone.v1.json").write_text("{}\n")
    found = schemas.difference(tmp_path)
    assert '-  "type": "array"\n+  "type": "object"\n' in found
    assert f"+++ models/{missing.name}" in found
    assert "--- committed/callvault.gone.v1.json" in found
    schemas.write(tmp_path)
    assert schemas.difference(tmp_path) == ""


def test_the_check_as_a_command_writes_nothing_and_leaves_with_0() -> None:
    before = {path: path.stat().st_mtime_ns for path in schemas.FOLDER.iterdir()}
    command = [sys.executable, "-m", "pipeline_contracts.schemas", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in schemas.FOLDER.iterdir()} == before


def test_each_schema_is_named_after_the_message_it_describes() -> None:
    for topic in ALL_TOPICS:
        for model in topic.messages:
            schema = json.loads((schemas.FOLDER / f"{model.event_type}.json").read_text())
            assert schema["$id"] == f"urn:{model.event_type}"
            assert schema["title"] == model.__name__
            assert schema.get("additionalProperties") is not False  # a field may be added at any time
