"""The books: items end, jobs count, and what changed is told. One set of books a transaction."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from pipeline_contracts import IMPORT_PROGRESS, Encoded, ItemFailed
from pipeline_runtime import outbox
from recorder import statements as sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_HOW = itemgetter("job_id", "source_app", "was", "status", "code")
_COUNTERS = ("imported", "duplicate", "failed", "skipped")
_INSERT_OUTBOX = outbox.INSERT.format(
    service=f"'{sql.SERVICE}'", **{name: f"${place}" for place, name in enumerate(outbox.COLUMNS, 1)}
)


class Books:
    """What one transaction enters. `ended` counts by source, status and code, for the metrics."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._deltas: dict[UUID, Counter[str]] = defaultdict(Counter)
        self._messages: list[Encoded] = []
        self._told: list[outbox.Row] = []
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
        once = {(one.job_id, one.item_id, one.attempt): one for one in failures}
        if not once:
            return 0
        rows = sorted(
            (one.item_id, one.job_id, one.attempt, one.code, one.message, one.retryable)
            for one in once.values()
        )
        return await self.enter(sql.FAIL_ITEMS, zip(*rows, strict=True))

    async def balance(self, nudged: Iterable[UUID] = ()) -> None:
        """Move the counters of every job touched, close those that are over, tell how all of them stand."""
        jobs = sorted(self._deltas.keys() | set(nudged))
        if jobs:
            columns = [[self._deltas[job][name] for job in jobs] for name in _COUNTERS]
            self._told += told(await self._db.fetchval(sql.COUNT, jobs, *columns))

    async def say(self) -> list[outbox.Row]:
        """Write the outbox; its rows are for the relay, after the commit."""
        rows = outbox.rows_of(self._messages)
        if rows:
            columns = outbox.columns(rows)
            await self._db.execute(_INSERT_OUTBOX, *(columns[name] for name in outbox.COLUMNS))
        return rows + self._told


def told(rows: str | None) -> list[outbox.Row]:
    """The progress that a statement has put into the outbox: JSON of its rows."""
    now = time.monotonic()
    return [
        outbox.Row(UUID(row["id"]), _progress(row["aggregateid"], row["payload"], row["headers"]), now)
        for row in json.loads(rows or "null") or ()
    ]


def _progress(key: str, payload: str, headers: dict[str, str]) -> Encoded:
    pairs = [(name, value.encode()) for name, value in headers.items()]
    return Encoded(IMPORT_PROGRESS.name, key.encode(), payload.encode(), pairs)
