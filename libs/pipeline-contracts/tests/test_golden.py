"""Messages that were written once are read by today's models, for ever."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pipeline_contracts
from pipeline_contracts import ALL_TOPICS, Envelope, Message, Topic, Unreadable, decode, encode

FOLDER = Path(pipeline_contracts.__file__).parent / "golden"
MODELS = {model.event_type: (topic, model) for topic in ALL_TOPICS for model in topic.messages}
FULL = sorted(FOLDER.glob("*/full.json"))
NEWER = sorted(FOLDER.glob("*/from-a-newer-writer.json"))


def read(path: Path) -> tuple[Topic, Message]:
    topic, model = MODELS[path.parent.name]
    message = decode(topic, path.read_bytes(), Envelope(model.event_type, "/tests").headers())
    assert type(message) is model
    return topic, message


def leaves_out(written: object, golden: object, where: str = "") -> list[str]:
    """The places where the golden file has something that was not written back."""
    if isinstance(golden, dict) and isinstance(written, dict):
        gone = [f"{where}.{name}" for name in golden.keys() - written.keys()]
        return gone + [p for n in written for p in leaves_out(written[n], golden.get(n), f"{where}.{n}")]
    if isinstance(golden, list) and isinstance(written, list) and len(golden) == len(written):
        return [
            p
            for n, (w, g) in enumerate(zip(written, golden, strict=True))
            for p in leaves_out(w, g, f"{where}.{n}")
        ]
    return [] if written == golden else [f"{where}: {golden!r} became {written!r}"]


def test_every_message_has_its_golden_files_and_every_folder_its_message() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(MODELS)
    assert {path.parent.name for path in FULL} == {path.parent.name for path in NEWER} == set(MODELS)


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_todays_models_read_every_golden_file(path: Path) -> None:
    read(path)


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.parent.name)
def test_a_golden_file_with_every_field_is_written_back_as_it_was(path: Path) -> None:
    topic, message = read(path)
    written = encode(message, key="k", envelope=Envelope(message.event_type, "/tests"), source="zoom")
    assert written.topic == (topic.of_source("zoom") if topic.per_source else topic).name
    assert json.loads(written.value) == json.loads(path.read_text())


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.parent.name)
def test_a_golden_file_with_every_field_leaves_no_field_out(path: Path) -> None:
    _, message = read(path)
    assert type(message).model_fields.keys() == json.loads(path.read_text()).keys()


@pytest.mark.parametrize("path", NEWER, ids=lambda path: path.parent.name)
def test_fields_that_a_newer_writer_adds_are_ignored(path: Path) -> None:
    _, message = read(path)
    golden = json.loads(path.read_text())
    golden = {name: value for name, value in golden.items() if value is not None}
    written = json.loads(message.model_dump_json(exclude_none=True))
    unknown = leaves_out(written, golden)
    assert ".added_later" in unknown
    allowed = {".added_later", ".audio.bucket", ".draft.language_hint", ".segments.0.confidence"}
    assert set(unknown) <= allowed


def test_no_message_takes_a_time_without_a_zone() -> None:
    zoned = re.compile(r'("[0-9-]{10}T[0-9:]{8})(Z|\+[0-9:]{5})"')
    times = 0
    for path in FULL:
        topic, model = MODELS[path.parent.name]
        text = path.read_text()
        for found in zoned.finditer(text):
            times += 1
            naive = text[: found.start()] + found[1] + '"' + text[found.end() :]
            with pytest.raises(Unreadable, match="timezone_aware"):
                decode(topic, naive.encode(), Envelope(model.event_type, "/tests").headers())
    assert times >= 6
