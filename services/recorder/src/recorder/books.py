"""The books: items end, jobs count, and what changed is told. One set of books a transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from pipeline_contracts import Encoded, ItemFailed
from pipeline_runtime import outbox
from recorder import announce
from recorder import statements as sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SERVICE: Final = "recorder"

_HOW = itemgetter("job_id", "source_app", "was", "status", "code")
_COUNTERS = ("imported", "duplicate", "failed", "skipped")
_INSERT_OUTBOX = outbox.INSERT.format(
    service=f"'{SERVICE}'", **{name: f"${place}" for place, name in enumerate(outbox.COLUMNS, 1)}
)


class Books:
    """What one transaction enters. `ended` counts by source, status and code, for the metrics."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._deltas: dict[UUID, Counter[str]] = defaultdict(Counter)
        self._messages: list[Encoded] = []
        self.ended: Counter[tuple[str, str, str]] = Counter()

    def emit(self, message: Encoded) -> None:
        """Publish this if the transaction commits."""
        self._messages.append(message)

    async def enter(self, statement: str, columns: Iterable[Sequence[Any]]) -> int:
        """Run a statement that ends items and answers them. Counters move only by rows it returned."""
        rows = await self._db.fetch(statement, *columns)
        for (job, source, was, status, code), count in Counter(map(_HOW, rows)).items():
            self._deltas[job][was] -= count
            self._deltas[job][status] += count
            self.ended[source, status, code or ""] += count
        return len(rows)

    async def fail(self, failures: Iterable[ItemFailed]) -> int:
        """End attempts as failed, those that are still under way."""
        once = {(one.item_id, one.attempt): one for one in failures}
        if not once:
            return 0
        rows = sorted(
            (one.item_id, one.job_id, one.attempt, one.code, one.message, one.retryable)
            for one in once.values()
        )
        return await self.enter(sql.FAIL_ITEMS, zip(*rows, strict=True))

    async def balance(self, nudged: Iterable[UUID] = ()) -> None:
        """Move the counters of every job touched, close those that are over, tell how all of them stand."""
        touched = sorted(self._deltas.keys() | set(nudged))
        if not touched:
            return
        latest: dict[UUID, asyncpg.Record] = {}
        if self._deltas:
            jobs = sorted(self._deltas)
            columns = [[self._deltas[job][name] for job in jobs] for name in _COUNTERS]
            latest = {row["id"]: row for row in await self._db.fetch(sql.COUNT, jobs, *columns)}
        closable = [job for job in touched if job not in latest or _is_over(latest[job])]
        if closable:
            latest |= {row["id"]: row for row in await self._db.fetch(sql.CLOSE, closable)}
        if untouched := [job for job in touched if job not in latest]:
            latest |= {row["id"]: row for row in await self._db.fetch(sql.FIND_JOBS, untouched)}
        for job in latest.values():
            self.emit(announce.progress(job))

    async def say(self) -> list[outbox.Row]:
        """Write the outbox; the rows are for the relay, after the commit."""
        rows = outbox.rows_of(self._messages)
        if rows:
            columns = outbox.columns(rows)
            await self._db.execute(_INSERT_OUTBOX, *(columns[name] for name in outbox.COLUMNS))
        return rows


def _is_over(job: asyncpg.Record) -> bool:
    """Whether CLOSE could close it. The row is as our UPDATE left it, and locked since: nobody changes it."""
    return job["open"] == 0 and job["discovery_ended_at"] is not None
