"""Tickets: a message that audio has come makes a task's row, and is acknowledged. Nothing slow here."""

from __future__ import annotations

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_contracts import AudioReceived, Message, about
from pipeline_runtime import tasks
from pipeline_runtime.failures import INTERNAL_ERROR, UNREADABLE_MESSAGE, ItemProblem
from pipeline_runtime.kafka import Publisher
from transcriber.manifest import WHOLE
from transcriber.results import failure_of

_OWNER = text("SELECT owner_user_id FROM sync_job_items WHERE id = :item AND job_id = :job")

log = structlog.get_logger()


class Tickets:
    """The subscriber of import.audio."""

    def __init__(self, database: AsyncEngine, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def on_audio_received(self, message: Message) -> None:
        """Make the task, unless it is there or its item is no longer open at that attempt."""
        assert isinstance(message, AudioReceived)
        async with self._database.begin() as connection:
            made = await tasks.add(
                connection,
                kind=WHOLE,
                job=message.job_id,
                item=message.item_id,
                attempt=message.attempt,
                payload=message.model_dump(mode="json"),
            )
        log.info("ticket.taken", item=str(message.item_id), attempt=message.attempt, is_new=made)

    async def on_unreadable(self, headers: list[tuple[str, bytes]], reason: str) -> None:
        """End the item that the headers name, where they name one that exists."""
        found = about(headers)
        if found is None or found.item is None:
            return
        async with self._database.connect() as connection:
            owner = await connection.scalar(_OWNER, {"item": found.item, "job": found.job})
        if owner is None:
            return
        problem = ItemProblem(INTERNAL_ERROR if reason == "internal_error" else UNREADABLE_MESSAGE)
        await self._publisher.send(failure_of(found, owner, problem))
