"""What the transcriber's tests share: the speech files, decoded, and a server that answers like OpenAI."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from starlette.applications import Starlette
from tests.support.engine_server import EngineServer, engine_server
from tests.support.stack import Person, Stack

from pipeline_contracts import (
    IMPORT_RESULTS,
    About,
    AudioReceived,
    Encoded,
    Envelope,
    Message,
    RecordDraft,
    StoredAudio,
    encode,
)
from pipeline_contracts import decode as decode_message
from pipeline_runtime.storage import Storage
from transcriber.__main__ import create_app
from transcriber.audio import decode
from transcriber.engines import PartAudio
from transcriber.settings import TranscriberSettings

SPEECH = Path(__file__).parents[3] / "tests" / "speech"

Load = Callable[[str], PartAudio]


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


@dataclass
class Desk:
    """A transcriber's desk in a test: files in its storage, tickets on its topic, results off the other."""

    stack: Stack
    folder: Path
    environment: dict[str, str]

    @property
    def storage(self) -> Storage:
        """Where the files lie."""
        return Storage(self.folder.as_uri())

    def settings(self, **more: Any) -> TranscriberSettings:
        """The service's settings on this stack, with its engine and short leases."""
        urls = {"transcriber_database_url": self.stack.url("callvault_transcriber")}
        kafka = {"kafka_bootstrap_servers": self.stack.servers.kafka, "kafka_topic_prefix": self.stack.prefix}
        told = {name.lower(): value for name, value in self.environment.items()}
        return TranscriberSettings.model_validate(
            {
                "storage_url": self.folder.as_uri(),
                "transcriber_lease_seconds": 3,
                **urls,
                **kafka,
                **told,
                **more,
            }
        )

    @asynccontextmanager
    async def open(self, **more: Any) -> AsyncIterator[Starlette]:
        """The service, running in this process."""
        app = create_app(self.settings(**more))
        assert isinstance(app, Starlette)
        async with app.router.lifespan_context(app):
            yield app

    async def ticket(self, name: str, *, language: str | None = None, person: Person | None = None) -> Ticket:
        """A stored file with an open item; nothing is on a topic yet."""
        person = person or await self.stack.person()
        external_id = uuid4().hex
        job = await self.stack.job(person, [external_id])
        item = await self.stack.owner.fetchval("SELECT id FROM sync_job_items WHERE job_id = $1", job)
        key = f"{person.id}/{external_id}"
        target = self.storage.path(key)
        target.parent.mkdir(parents=True)
        shutil.copyfile(SPEECH / name, target)
        draft = RecordDraft(
            external_id=external_id,
            source_app="file_upload",
            title=name,
            recording_start_time=datetime(2026, 9, 14, 9, 30, tzinfo=UTC),
            source_metadata={"external_id": external_id, "filename": name},
        )
        audio = StoredAudio(
            key=key, size=target.stat().st_size, sha256="0" * 64, content_type="audio/mpeg", filename=name
        )
        message = AudioReceived(
            job_id=job, item_id=item, attempt=1, audio=audio, draft=draft, language=language
        )
        return Ticket(message, person.id)

    async def publish(self, ticket: Ticket) -> None:
        """Put the ticket on import.audio."""
        await self.stack.publish(ticket.encoded())

    async def results(self, count: int = 1, within: float = 30.0) -> list[Message]:
        """The first messages on import.results, in the order they came."""
        records = await self.stack.messages("import.results", at_least=count, within=within)
        return [decode_message(IMPORT_RESULTS, record.value, record.headers) for record in records]

    async def task(self, ticket: Ticket) -> asyncpg.Record | None:
        """The ticket's row."""
        return await self.stack.owner.fetchrow(
            "SELECT *, lease_until > now() AS is_leased FROM tasks WHERE item_id = $1", ticket.message.item_id
        )


@dataclass(frozen=True)
class Ticket:
    """An AudioReceived and whose it is."""

    message: AudioReceived
    owner: UUID

    def encoded(self) -> Encoded:
        """As the gateway publishes it."""
        about = About(self.message.job_id, self.message.item_id, self.message.attempt)
        envelope = Envelope(type=self.message.event_type, source="tests", about=about)
        return encode(self.message, key=self.owner, envelope=envelope)


@pytest.fixture
def desk(stack: Stack, tmp_path: Path) -> Desk:
    """A desk whose engine is Whisper on this machine."""
    return Desk(stack, tmp_path / "storage", {})


@pytest.fixture
def paid_desk(stack: Stack, server: EngineServer, tmp_path: Path) -> Desk:
    """A desk whose engine is the test's own server."""
    return Desk(stack, tmp_path / "storage", {"TRANSCRIBER_BASE_URL": server.url, "TRANSCRIBER_API_KEY": "key"})
