"""How long a record waits: from its send to its commit, and from there to its event at a subscriber.

The commit's time is PostgreSQL's own (`pg_xact_commit_timestamp`), taken just before the log is
flushed, so it lacks that one fdatasync. A record counts as produced when the client is asked to
send it; an event counts as out when a consumer in this process has it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer

from benchmarks.bare import TABLES, Connection
from benchmarks.corpus import Call
from benchmarks.machine import percentile
from benchmarks.process import CheckFailed, plain_loop, running
from benchmarks.product import DATABASE
from benchmarks.stage import Stage, clone, drop, encoded
from pipeline_contracts import RECORDING_CREATED
from pipeline_runtime.kafka import Publisher, client_options

WAIT_SECONDS = 60
WARMING = 2_000
"""Records sent before those that count, for ten seconds: Kafka's Java, caches, statements are warm then."""
WARMING_RATE = 200
COMMITS = """
SELECT imported_by_item AS item, id, pg_xact_commit_timestamp(xmin) AS at FROM recordings
WHERE imported_by_item = ANY($1::uuid[])
"""
BARE_COMMITS = COMMITS.replace("FROM recordings", "FROM bare.recordings")


@dataclass(frozen=True)
class Waits:
    """Milliseconds at one rate: produced to committed, committed to event; the median and 1 % worst.

    The plain loop publishes no events.
    """

    who: str
    rate: int
    commit_p50: float
    commit_p99: float
    event_p50: float | None = None
    event_p99: float | None = None


@dataclass(frozen=True)
class _Listener:
    """When each recording's event arrived."""

    arrived: dict[UUID, float]


async def measure(stage: Stage, rates: Sequence[tuple[int, int]]) -> list[Waits]:
    """For each (records a second, seconds): send that many evenly, to the recorder and then to the plain loop.

    In this order: the recorder reads its topic from the start, the plain loop what comes from then on.
    """
    publisher = Publisher(stage.settings, app="benchmark")
    await publisher.start()
    found: list[Waits] = []
    try:
        async with _listening(stage) as listener:
            for who, start, heard in (("recorder", running, listener), ("plain loop", plain_loop, None)):
                async with _database(stage) as database:
                    with start(stage, DATABASE):
                        found += [one async for one in _at_rates(database, publisher, heard, stage, who, rates)]
    finally:
        await publisher.stop()
    return found


@asynccontextmanager
async def _database(stage: Stage) -> AsyncIterator[Connection]:
    """A fresh clone with the product's tables, and the bare ones beside them."""
    await clone(stage.servers, stage.template, DATABASE)
    database = await asyncpg.connect(stage.servers.url("callvault_owner", DATABASE))
    try:
        await database.execute(TABLES + "SET search_path = public")
        yield database
    finally:
        await database.close()
        await drop(stage.servers, DATABASE)


async def _at_rates(
    database: Connection,
    publisher: Publisher,
    listener: _Listener | None,
    stage: Stage,
    who: str,
    rates: Sequence[tuple[int, int]],
) -> AsyncIterator[Waits]:
    calls = list(stage.corpus.calls)
    await _send(publisher, _take(calls, WARMING), WARMING_RATE)
    await asyncio.sleep(1)
    for rate, seconds in rates:
        yield await _at_rate(database, publisher, listener, _take(calls, rate * seconds), who, rate)


def _take(calls: list[Call], count: int) -> list[Call]:
    taken, calls[:] = calls[:count], calls[count:]
    return taken


async def _at_rate(
    database: Connection,
    publisher: Publisher,
    listener: _Listener | None,
    calls: list[Call],
    who: str,
    rate: int,
) -> Waits:
    sent = await _send(publisher, calls, rate)
    rows = await _rows(database, list(sent), COMMITS if listener else BARE_COMMITS)
    commits = [(row["at"].timestamp() - sent[row["item"]]) * 1000 for row in rows]
    committed = (percentile(commits, 0.5), percentile(commits, 0.99))
    if listener is None:
        return Waits(who, rate, *committed)
    deadline = time.monotonic() + WAIT_SECONDS
    while any(row["id"] not in listener.arrived for row in rows):
        if time.monotonic() > deadline:
            raise CheckFailed("some events did not come")
        await asyncio.sleep(0.05)
    events = [(listener.arrived[row["id"]] - row["at"].timestamp()) * 1000 for row in rows]
    return Waits(who, rate, *committed, percentile(events, 0.5), percentile(events, 0.99))


async def _rows(database: Connection, items: list[UUID], commits: str) -> list[asyncpg.Record]:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        rows = await database.fetch(commits, items)
        if len(rows) == len(items):
            return rows
        await asyncio.sleep(0.2)
    raise CheckFailed(f"{len(rows)} of {len(items)} records were stored")


async def _send(publisher: Publisher, calls: Sequence[Call], rate: int) -> dict[UUID, float]:
    """Send at an even pace, without waiting for one before the next. When each was sent."""
    messages = [(call.item, encoded(call)) for call in calls]
    sent: dict[UUID, float] = {}
    under_way = []
    begun = time.perf_counter()
    for number, (item, message) in enumerate(messages):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        sent[item] = time.time()
        under_way.append(asyncio.create_task(publisher.send(message)))
    await asyncio.gather(*under_way)
    return sent


@asynccontextmanager
async def _listening(stage: Stage) -> AsyncIterator[_Listener]:
    topic = stage.settings.kafka_topic_prefix + RECORDING_CREATED.name
    consumer = AIOKafkaConsumer(topic, **client_options(stage.settings), auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    listener = _Listener({})

    async def listen() -> None:
        async for record in consumer:
            arrived = time.time()
            listener.arrived[UUID(json.loads(record.value)["recording_id"])] = arrived

    task = asyncio.create_task(listen())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()
