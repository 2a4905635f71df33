"""What a task is doing, told at most once a second. Nobody waits for it, and any of it may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from pipeline_contracts import ImportActivity
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.tasks import Task
from transcriber.manifest import item_of
from transcriber.results import activity_of

EVERY_SECONDS = 1.0

Doing = Literal["reading", "transcribing", "waiting", "publishing"]
Overall = Callable[[float], Awaitable[tuple[float, float] | None]]
"""From the seconds of a part that are done to those of the recording, and its length; None: say nothing."""
log = structlog.get_logger()


class Activity:
    """One task's state. `note` may be called from any thread.

    `overall` is for a task that works on a part: what it notes is of its part, what is told of all.
    """

    def __init__(self, publisher: Publisher, task: Task, overall: Overall | None = None) -> None:
        self._publisher = publisher
        self._task = task
        self._overall = overall
        self._doing: Doing = "reading"
        self._done: float | None = None
        self._total: float | None = None
        self._until: datetime | None = None

    def note(self, doing: Doing, done: float | None = None, total: float | None = None) -> None:
        """What is done now; seconds of audio done, of how many."""
        self._doing, self._done, self._total = doing, done, total

    async def tell_wait(self, seconds: float) -> None:
        """Say that nothing happens for a while."""
        self.note("waiting")
        self._until = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._tell()

    async def tell(self) -> None:
        """Say now what was noted last."""
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
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                activity = await self._now()
                if activity is not None:
                    await self._publisher.send(activity_of(activity, self._task.owner_user_id))
        except Exception as error:
            log.debug("activity.lost", error=type(error).__name__)

    async def _now(self) -> ImportActivity | None:
        doing, done, total = self._doing, self._done, self._total
        if self._overall is not None and doing != "waiting":
            known = await self._overall(done) if done is not None else None
            if known is None:
                return None
            done, total = known
        return ImportActivity(
            job_id=self._task.job_id,
            item_id=item_of(self._task),
            doing=doing,
            until=self._until,
            seconds_done=done,
            seconds_total=total,
        )
