"""The outbox: what only a row can cause is written with the row, and published after the commit.

A transaction's rows are handed to the relay in memory once it is committed, so that they are
out within milliseconds. They are held back from the poll for HOLD; if the process dies before
Kafka has confirmed them, any replica's poll finds them then. A row that Kafka refuses backs
off alone. No order is promised.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pipeline_contracts import Encoded
from pipeline_runtime import metrics
from pipeline_runtime.identifiers import uuid7s
from pipeline_runtime.kafka import Publisher

HOLD = timedelta(seconds=10)
"""How long the committing process has before others take its rows over."""
POLL_SECONDS = 1.0
AT_ONCE = 500
SENDERS = 2
"""While one publication waits for Kafka, the next is packed."""
DELETE_SECONDS = 0.05
"""Rows that were sent are deleted together. Whoever dies meanwhile has sent those of so long in vain."""
QUEUED_AT_MOST = 20_000
"""Beyond this many in memory (Kafka is down), rows are left to the poll."""

INSERT = """
INSERT INTO outbox (id, service, aggregatetype, aggregateid, type, payload, headers, not_before)
SELECT id, {service}, topic, key, type, payload, CAST(headers AS jsonb), now() + interval '10 seconds'
FROM unnest(CAST({ids} AS uuid[]), CAST({topics} AS text[]), CAST({keys} AS text[]), CAST({types} AS text[]),
            CAST({payloads} AS text[]), CAST({headers} AS text[])) AS x (id, topic, key, type, payload, headers)
"""
"""With its parameters still to be named: SQLAlchemy and asyncpg name them differently."""
COLUMNS = ("ids", "topics", "keys", "types", "payloads", "headers")
_INSERT = text(INSERT.format(service=":service", **{name: f":{name}" for name in COLUMNS}))
_CLAIM = text("""
UPDATE outbox SET attempts = attempts + 1,
    not_before = now() + least(interval '30 seconds', interval '1 second' * 2 ^ least(attempts, 5))
WHERE id IN (SELECT id FROM outbox WHERE service = :service AND not_before <= now()
             ORDER BY not_before LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id, aggregatetype, aggregateid, payload, headers
""")
# Not waited for on disk: a deletion that is lost in a crash sends a row twice, which any reader must take.
_DELETE = text("""
DELETE FROM outbox WHERE id = ANY(:ids) AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
""")

log = structlog.get_logger()


class Row(NamedTuple):
    """An outbox row: a message under the id that it is deleted by. `added` by the monotonic clock."""

    id: UUID
    message: Encoded
    added: float


def rows_of(messages: Sequence[Encoded]) -> list[Row]:
    """Give each message an id."""
    now = time.monotonic()
    ids = uuid7s(len(messages))
    return [Row(one, message, now) for one, message in zip(ids, messages, strict=True)]


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """The rows as the arrays that INSERT takes."""
    headers = [dict(row.message.headers) for row in rows]
    return {
        "ids": [row.id for row in rows],
        "topics": [row.message.topic for row in rows],
        "keys": [row.message.key.decode() for row in rows],
        "types": [each["ce_type"].decode() for each in headers],
        "payloads": [row.message.value.decode() for row in rows],
        "headers": [to_json(each).decode() for each in headers],
    }


class Transaction:
    """A database transaction that may also say something."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.messages: list[Encoded] = []

    def emit(self, message: Encoded) -> None:
        """Publish this if, and only if, the transaction commits."""
        self.messages.append(message)


class Relay:
    """Publishes one service's outbox rows."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher, *, service: str) -> None:
        self._engine = engine
        self._publisher = publisher
        self._service = service
        self._pushed: deque[Row] = deque()
        self._wake = asyncio.Event()
        self._in_hand: set[UUID] = set()  # pushed, and not yet gone or refused: not for the poll
        self._sent: list[UUID] = []
        self._deletable = asyncio.Event()

    @asynccontextmanager
    async def transaction(
        self, begun: AbstractAsyncContextManager[AsyncConnection] | None = None
    ) -> AsyncIterator[Transaction]:
        """A transaction (by default one of the relay's own role) whose messages go out after the commit."""
        async with begun or self._engine.begin() as connection:
            transaction = Transaction(connection)
            yield transaction
            rows = rows_of(transaction.messages)
            if rows:
                await connection.execute(_INSERT, {"service": self._service, **columns(rows)})
        self.push(rows)

    def push(self, rows: Iterable[Row]) -> None:
        """Take over rows that were just committed."""
        for row in rows:
            if len(self._pushed) < QUEUED_AT_MOST:
                self._in_hand.add(row.id)
                self._pushed.append(row)
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._run_pushed())
            group.create_task(self._run_poll())
            group.create_task(self._run_deleting())

    async def drain(self, seconds: float = 5.0) -> None:
        """At the end: publish what is still in memory, as far as it goes; the rest is in the table."""
        try:
            async with asyncio.timeout(seconds):
                while rows := self._take():
                    await self._publish(rows)
        except TimeoutError:
            log.warning("outbox.left_to_poll", rows=len(self._pushed))
        await self._guarded_delete()

    def _take(self) -> list[Row]:
        return [self._pushed.popleft() for _ in range(min(AT_ONCE, len(self._pushed)))]

    async def _run_pushed(self) -> None:
        while True:
            while rows := self._take():
                await self._guarded_publish(rows)
            self._wake.clear()
            await self._wake.wait()

    async def _run_poll(self) -> None:
        while True:
            rows = await self._guarded_claim()
            await self._guarded_publish(rows)
            if len(rows) < AT_ONCE:  # fewer also where the rest is in hand: the senders are at it
                await asyncio.sleep(POLL_SECONDS)

    async def _guarded_claim(self) -> list[Row]:
        try:
            return await self._claim()
        except Exception as error:
            log.warning("outbox.unreachable", error=type(error).__name__)
            return []

    async def _guarded_publish(self, rows: list[Row]) -> None:
        try:
            await self._publish(rows)
        except Exception as error:
            log.warning("outbox.interrupted", error=type(error).__name__, rows=len(rows))

    async def _claim(self) -> list[Row]:
        async with self._engine.begin() as connection:
            found = await connection.execute(_CLAIM, {"service": self._service, "most": AT_ONCE})
            now = time.monotonic()
            return [
                Row(
                    row.id,
                    Encoded(
                        row.aggregatetype,
                        row.aggregateid.encode(),
                        row.payload.encode(),
                        [(name, value.encode()) for name, value in row.headers.items()],
                    ),
                    now,
                )
                for row in found
                if row.id not in self._in_hand
            ]

    async def _publish(self, rows: Sequence[Row]) -> None:
        by_topic: dict[str, list[Row]] = {}
        for row in rows:
            by_topic.setdefault(row.message.topic, []).append(row)
        await asyncio.gather(*(self._publish_to(topic, some) for topic, some in by_topic.items()))

    async def _publish_to(self, topic: str, rows: list[Row]) -> None:
        sent: list[Row] = []
        try:
            errors = await self._publisher.send_all([row.message for row in rows])
            sent = [row for row, error in zip(rows, errors, strict=True) if error is None]
            if refused := [error for error in errors if error is not None]:
                metrics.OUTBOX_FAILED.labels(topic).inc(len(refused))
                log.warning("outbox.refused", topic=topic, rows=len(refused), error=repr(refused[0]))
        finally:
            self._in_hand.difference_update(row.id for row in rows)
            self._in_hand.update(row.id for row in sent)
            self._sent += [row.id for row in sent]
            self._deletable.set()
        metrics.OUTBOX_PUBLISHED.labels(topic).inc(len(sent))
        if sent:
            metrics.OUTBOX_SECONDS.observe(time.monotonic() - sent[0].added)

    async def _run_deleting(self) -> None:
        while True:
            await self._deletable.wait()
            self._deletable.clear()
            await asyncio.sleep(DELETE_SECONDS)
            if not await self._guarded_delete():
                await asyncio.sleep(POLL_SECONDS)
                self._deletable.set()

    async def _guarded_delete(self) -> bool:
        try:
            await self._delete_sent()
        except Exception as error:
            log.warning("outbox.not_deleted", error=type(error).__name__, rows=len(self._sent))
            return False
        return True

    async def _delete_sent(self) -> None:
        """Delete what has been sent by now. As long as that fails, it stays in hand: nobody sends it twice."""
        ids, self._sent = self._sent, []
        if not ids:
            return
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(_DELETE, {"ids": ids})
        except BaseException:
            self._sent += ids
            raise
        self._in_hand.difference_update(ids)
