"""A transcriber's desk in a test: files in its storage, tickets on its topic, results off the other."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from starlette.applications import Starlette

from callvault.spawn import Child
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
from tests.support.programs import start
from tests.support.stack import Person, Stack
from transcriber.__main__ import create_app
from transcriber.settings import TranscriberSettings

SPEECH = Path(__file__).parents[1] / "speech"


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

    @contextmanager
    def process(self, **settings: str) -> Iterator[Child]:
        """`python -m transcriber`, killed at the end."""
        environment = {
            **self.stack.environment(),
            "TRANSCRIBER_LEASE_SECONDS": "3",
            **self.environment,
            "STORAGE_URL": self.folder.as_uri(),
            **settings,
        }
        running = start("transcriber", environment, self.folder.with_suffix(".log"))
        try:
            yield running
        finally:
            running.kill()
            running.wait()

    @asynccontextmanager
    async def open(self, **more: Any) -> AsyncIterator[Starlette]:
        """The service, running in this process."""
        app = create_app(self.settings(**more))
        assert isinstance(app, Starlette)
        async with app.router.lifespan_context(app):
            yield app

    async def ticket(
        self, file: str | Path, *, language: str | None = None, person: Person | None = None
    ) -> Ticket:
        """A stored file (of the speech folder, or any) with an open item; nothing is on a topic yet."""
        name = Path(file).name
        person = person or await self.stack.person()
        external_id = uuid4().hex
        job = await self.stack.job(person, [external_id])
        item = await self.stack.owner.fetchval("SELECT id FROM sync_job_items WHERE job_id = $1", job)
        key = f"{person.id}/{external_id}"
        target = self.storage.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SPEECH / file, target)
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

    async def again(self, ticket: Ticket) -> Ticket:
        """The ticket of the item's next attempt, which is open now: as after a failure and a retry."""
        item = ticket.message.item_id
        await self.stack.owner.execute("DELETE FROM tasks WHERE item_id = $1", item)
        await self.stack.owner.execute("UPDATE sync_job_items SET attempt = attempt + 1 WHERE id = $1", item)
        attempt = ticket.message.attempt + 1
        return Ticket(ticket.message.model_copy(update={"attempt": attempt}), ticket.owner)

    async def publish(self, ticket: Ticket) -> None:
        """Put the ticket on import.audio."""
        await self.stack.publish(ticket.encoded())

    async def results(self, count: int = 1, within: float = 30.0) -> list[Message]:
        """The first messages on import.results, in the order they came."""
        records = await self.stack.messages("import.results", at_least=count, within=within)
        return [decode_message(IMPORT_RESULTS, record.value, record.headers) for record in records]

    async def task(self, ticket: Ticket, kind: str = "transcribe") -> asyncpg.Record | None:
        """The ticket's row, or that of its first part (`transcribe_part`)."""
        return await self.stack.owner.fetchrow(
            "SELECT *, lease_until > now() AS is_leased FROM tasks WHERE item_id = $1 AND kind = $2 ORDER BY part",
            ticket.message.item_id, kind,
        )  # fmt: skip

    async def parts(self, ticket: Ticket) -> list[asyncpg.Record]:
        """The rows of the ticket's parts, in the order of the recording."""
        return await self.stack.owner.fetch(
            "SELECT * FROM transcript_parts WHERE item_id = $1 ORDER BY start_s, part", ticket.message.item_id
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
