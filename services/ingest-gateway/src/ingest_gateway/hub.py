"""Who listens in this process, and what they are told."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ingest_gateway.problems import TOO_MANY_STREAMS
from pipeline_contracts import ImportActivity, JobProgress, SourceChanged
from pipeline_runtime import metrics

QUEUED_AT_MOST = 500
STREAMS_OF_ONE_OWNER = 20

ACTIVITIES_AT_MOST = 5000
ACTIVITY_LASTS = timedelta(minutes=5)

News = JobProgress | ImportActivity | SourceChanged


class Nudge:
    """Something has happened that no message tells: look."""


class Cut(Exception):
    """The stream has to begin again: it was too slow, or something may have been missed."""


class Listener:
    """One open stream. What it has not read yet waits in a bounded queue."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[News | Nudge | None] = asyncio.Queue(QUEUED_AT_MOST)
        self._is_cut = False

    def put(self, news: News | Nudge) -> None:
        """Queue it; a stream that does not keep up is cut."""
        try:
            self._waiting.put_nowait(news)
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """End the stream, whatever still waits in it."""
        self._is_cut = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def get(self, within: float) -> News | Nudge | None:
        """The next news, None where there is none in that many seconds. Raises Cut."""
        try:
            async with asyncio.timeout(within):
                news = await self._waiting.get()
        except TimeoutError:
            return None
        if self._is_cut:
            raise Cut
        return news


class Hub:
    """The listeners, by owner; and what was last heard of each task, for those who come later."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._listeners: defaultdict[UUID, set[Listener]] = defaultdict(set)
        self._activities: OrderedDict[UUID, tuple[datetime, ImportActivity]] = OrderedDict()
        self._clock = clock

    def require_room(self, owner: UUID) -> None:
        """Raises too_many_streams."""
        if len(self._listeners.get(owner, ())) >= STREAMS_OF_ONE_OWNER:
            raise TOO_MANY_STREAMS.error()

    @contextmanager
    def listening(self, owner: UUID, listener: Listener) -> Iterator[None]:
        """Hand it one owner's news."""
        self._listeners[owner].add(listener)
        metrics.STREAMS.inc()
        try:
            yield
        finally:
            metrics.STREAMS.dec()
            self._listeners[owner].discard(listener)
            if not self._listeners[owner]:
                del self._listeners[owner]

    def has(self, owner: UUID | None) -> bool:
        """Whether anybody listens."""
        return owner in self._listeners

    def tell(self, owner: UUID, news: News) -> None:
        """Hand it to all of the owner's listeners."""
        for listener in self._listeners.get(owner, ()):
            listener.put(news)

    def nudge(self, owner: UUID) -> None:
        """Let the owner's streams look."""
        for listener in self._listeners.get(owner, ()):
            listener.put(Nudge())

    def remember(self, activity: ImportActivity) -> None:
        """Keep what a task does now, for some minutes or until its wait is over."""
        self._activities[activity.item_id] = (self._clock(), activity)
        self._activities.move_to_end(activity.item_id)
        if len(self._activities) > ACTIVITIES_AT_MOST:
            self._activities.popitem(last=False)

    def activities_of(self, jobs: Container[UUID]) -> list[ImportActivity]:
        """What is being done for some jobs, as far as it was heard lately."""
        now = self._clock()
        return [
            one
            for heard, one in self._activities.values()
            if one.job_id in jobs and now < (one.until or heard + ACTIVITY_LASTS)
        ]

    def cut_all(self) -> None:
        """Let everybody begin again, with a fresh snapshot."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.cut()
