"""What the transcriber's tests share: the speech files, decoded, and a server that answers like OpenAI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.support.desk import SPEECH, Desk
from tests.support.engine_server import EngineServer, engine_server
from tests.support.stack import Stack

from transcriber.audio import decode
from transcriber.engines import PartAudio, succession

Load = Callable[[str], PartAudio]


@pytest.fixture(autouse=True)
def before_any_model_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its last day on a model's refusals mean something else: tests name the day, whenever they are run."""
    monkeypatch.setattr(succession, "_today", lambda: date(2026, 12, 1))


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of the speech files."""
    return SPEECH


@pytest.fixture(scope="session")
def scripts() -> dict[str, str]:
    """File to the words spoken in it."""
    return dict(json.loads((SPEECH / "scripts.json").read_text()))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A speech file as the one part of itself."""

    def decoded(name: str) -> PartAudio:
        audio = decode(SPEECH / name, tmp_path / f"{name}.raw")
        return PartAudio(audio, audio.parts()[0])

    return decoded


@pytest.fixture
def server() -> Iterator[EngineServer]:
    """A server of the test's own."""
    with engine_server() as running:
        yield running


@pytest.fixture
def desk(stack: Stack, tmp_path: Path) -> Desk:
    """A desk whose engine is Whisper on this machine."""
    return Desk(stack, tmp_path / "storage", {})


@pytest.fixture
def paid_desk(stack: Stack, server: EngineServer, tmp_path: Path) -> Desk:
    """A desk whose engine is the test's own server."""
    return Desk(stack, tmp_path / "storage", {"TRANSCRIBER_BASE_URL": server.url, "TRANSCRIBER_API_KEY": "key"})
