"""The recorder itself: its real process on real records, measured, and its work checked afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.machine import Meter, Spent, peak_megabytes
from benchmarks.process import CheckFailed, running
from benchmarks.stage import Stage, begin_again, clone, drop, ends
from pipeline_contracts import RECORDING_CREATED
from pipeline_runtime.kafka import client_options

DATABASE = "bench_run"
GROUP = "recorder"
LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Figures:
    """One run. `seconds` to the last commit, `announced` to the last row of the outbox gone."""

    records: int
    seconds: float
    announced: float
    spent: Spent
    megabytes: float
    messages: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


async def measure(stage: Stage) -> Figures:
    """Run the recorder over all records of the stage, on a fresh clone of its database."""
    await clone(stage.servers, stage.template, DATABASE)
    await begin_again(stage.settings, stage.topic, stage.settings.kafka_topic_prefix + GROUP)
    before = await ends(stage.settings, stage.settings.kafka_topic_prefix + RECORDING_CREATED.name)
    database = await asyncpg.connect(stage.servers.url("callvault_owner", DATABASE))
    try:
        with running(stage, DATABASE) as recorder:
            meter = Meter(stage.servers.postgres_pid, stage.servers.kafka_pid, recorder.pid)
            begun = meter.read()
            committed, announced = await _until_done(stage, database)
            spent = meter.read() - begun
            megabytes = peak_megabytes(recorder.pid)
        messages = await _check(stage, database, before)
    finally:
        await database.close()
        await drop(stage.servers, DATABASE)
    return Figures(
        len(stage.corpus.calls),
        committed - recorder.began,
        announced - recorder.began,
        spent,
        megabytes,
        messages,
    )


async def _until_done(stage: Stage, database: asyncpg.Connection[asyncpg.Record]) -> tuple[float, float]:
    """When the last item's end was committed, and when the outbox was empty; waits for the offsets too."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while await database.fetchval("SELECT count(*) FROM sync_jobs WHERE ended_at IS NULL"):
        if time.monotonic() > deadline:
            raise CheckFailed("the recorder did not end")
        await asyncio.sleep(0.2)
    while await database.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.02)
    announced = time.time()
    while not await _all_offsets_committed(stage):
        if time.monotonic() > deadline:
            raise CheckFailed("the recorder did not commit its offsets")
        await asyncio.sleep(0.05)
    last = await database.fetchval("SELECT max(pg_xact_commit_timestamp(xmin)) FROM sync_jobs")
    return last.timestamp(), announced


async def _all_offsets_committed(stage: Stage) -> bool:
    wanted = await ends(stage.settings, stage.topic)
    admin = AIOKafkaAdminClient(**client_options(stage.settings))
    await admin.start()
    found = await admin.list_consumer_group_offsets(stage.settings.kafka_topic_prefix + GROUP)
    await admin.close()
    return all(end == 0 or (place in found and found[place].offset == end) for place, end in wanted.items())


async def _check(stage: Stage, database: asyncpg.Connection[asyncpg.Record], before: Any) -> int:
    """Every call once, in its vault, announced once; every job closed, with books that balance."""
    corpus = stage.corpus
    again = len(corpus.calls) - corpus.unique
    count = database.fetchval
    found = {
        "recordings": await count("SELECT count(*) FROM recordings"),
        "keys": await count("SELECT count(DISTINCT (owner_user_id, external_id)) FROM recordings"),
        "vault entries": await count("SELECT count(*) FROM vault_entries"),
        "items imported": await count("SELECT count(*) FROM sync_job_items WHERE status = 'imported'"),
        "jobs' imported": await count("SELECT sum(imported) FROM sync_jobs"),
    }
    wanted = dict.fromkeys(found, corpus.unique)
    found["items duplicate"] = await count("SELECT count(*) FROM sync_job_items WHERE status = 'duplicate'")
    found["jobs' duplicates"] = await count("SELECT sum(duplicates) FROM sync_jobs")
    wanted |= {"items duplicate": again, "jobs' duplicates": again}
    found["jobs not completed"] = await count("SELECT count(*) FROM sync_jobs WHERE status <> 'completed'")
    found["unbalanced"] = await count(UNBALANCED)
    wanted |= {"jobs not completed": 0, "unbalanced": 0}
    events, told = await _events(stage, before)
    found |= {"events": events, "recordings told": told}
    wanted |= {"events": corpus.unique, "recordings told": corpus.unique}
    if found != wanted:
        raise CheckFailed(f"found {found}, wanted {wanted}")
    return events


UNBALANCED = """
SELECT count(*) FROM sync_jobs j, LATERAL (
    SELECT count(*) AS n, count(*) FILTER (WHERE i.status = 'imported') AS imported,
           count(*) FILTER (WHERE i.status = 'duplicate') AS duplicates
    FROM sync_job_items i WHERE i.job_id = j.id) c
WHERE (j.found, j.imported, j.duplicates, j.open) <> (c.n, c.imported, c.duplicates, 0)
"""


async def _events(stage: Stage, before: Any) -> tuple[int, int]:
    """How many recording.created this run has added, and for how many recordings."""
    topic = stage.settings.kafka_topic_prefix + RECORDING_CREATED.name
    after = await ends(stage.settings, topic)
    consumer = AIOKafkaConsumer(**client_options(stage.settings))
    consumer.assign(list(after))
    await consumer.start()
    seen: list[str] = []
    try:
        for partition, offset in before.items():
            consumer.seek(partition, offset)
        wanted = sum(after.values()) - sum(before.values())
        while len(seen) < wanted:
            got = await consumer.getmany(timeout_ms=1000)
            seen += [json.loads(record.value)["recording_id"] for records in got.values() for record in records]
    finally:
        await consumer.stop()
    return wanted, len(set(seen))
