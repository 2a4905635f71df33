"""Makes calls searchable after they came in, so that no insert pays for it.

Recordings have ids that rise with time. A round goes on behind the last call that it has made searchable
and, when there is no more, looks again at the last minutes, in which slow transactions may have
committed. Once an hour everything is looked through.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.problems import DATABASE_AWAY
from ingest_gateway.queries.indexing import index_calls

EVERY_SECONDS = 2.0
AT_ONCE = 20
REST_FOR_WORK = 2.0
"""After each second of work so many of rest: while many calls come in, storing them goes first."""
LATE_SECONDS = 300.0
ALL_SECONDS = 3600.0
START = UUID(int=0)

log = structlog.get_logger()


class Indexer:
    """The loop. Of several replicas one works at a time."""

    def __init__(self, intake: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._intake = intake
        self._clock = clock
        self._after = self._floor = START
        self._reached: deque[tuple[float, UUID]] = deque()
        self._all_at = clock() + ALL_SECONDS

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            begun, made = self._clock(), 0
            try:
                made = await self.round()
            except DATABASE_AWAY as error:
                log.warning("index.interrupted", error=type(error).__name__)
            except Exception:
                log.exception("index.failed")
            await asyncio.sleep(REST_FOR_WORK * (self._clock() - begun) if made == AT_ONCE else EVERY_SECONDS)

    async def round(self) -> int:
        """Once; answers how many calls can be found now that could not before."""
        async with self._intake.begin() as connection:
            made, reached = await index_calls(connection, after=self._after, limit=AT_ONCE)
        if reached is not None:
            self._reached.append((self._clock(), reached))
        if made == AT_ONCE and reached is not None:
            self._after = reached
        else:
            self._after = self._next_floor()
        return made

    def _next_floor(self) -> UUID:
        """Behind what was reached some minutes ago, and at times at the very start."""
        now = self._clock()
        while self._reached and self._reached[0][0] < now - LATE_SECONDS:
            self._floor = max(self._floor, self._reached.popleft()[1])
        if now >= self._all_at:
            self._all_at = now + ALL_SECONDS
            return START
        return self._floor
