"""What a task is doing, told at most once a second. Nobody waits for it, and any of it may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog

from pipeline_contracts import AudioReceived, ImportActivity
from pipeline_runtime.kafka import Publisher
from transcriber.results import activity_of

EVERY_SECONDS = 1.0

Doing = Literal["reading", "transcribing", "waiting", "publishing"]
log = structlog.get_logger()


class Activity:
    """One task's state. `note` may be called from any thread."""

    def __init__(self, publisher: Publisher, ticket: AudioReceived, owner: UUID) -> None:
        self._publisher = publisher
        self._ticket = ticket
        self._owner = owner
        self._doing: Doing = "reading"
        self._done: float | None = None
        self._total: float | None = None
        self._until: datetime | None = None

    def note(self, doing: Doing, done: float | None = None, total: float | None = None) -> None:
        """What is done now; seconds of audio done, of how many."""
        self._doing, self._done, self._total = doing, done, total

    async def tell_wait(self, wait: timedelta) -> None:
        """Say that nothing happens for a while."""
        self.note("waiting")
        self._until = datetime.now(UTC) + wait
        await self._tell()

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Tell what is noted while the body works, once a second where it has changed."""
        teller = asyncio.create_task(self._keep_telling())
        try:
            yield
        finally:
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)

    async def _keep_telling(self) -> None:
        last: tuple[object, ...] = ()
        while True:
            now = (self._doing, self._done, self._total)
            if now != last:
                await self._tell()
                last = now
            await asyncio.sleep(EVERY_SECONDS)

    async def _tell(self) -> None:
        activity = ImportActivity(
            job_id=self._ticket.job_id,
            item_id=self._ticket.item_id,
            doing=self._doing,
            until=self._until,
            seconds_done=self._done,
            seconds_total=self._total,
        )
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await self._publisher.send(activity_of(activity, self._owner))
        except Exception as error:
            log.debug("activity.lost", error=type(error).__name__)
