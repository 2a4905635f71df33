"""The month's limit, decided at the insert: never exceeded, never in the way of a duplicate."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest
from pydantic import TypeAdapter
from tests.support.results import Raw, record
from tests.support.stack import Person, Stack

from pipeline_runtime.outbox import Relay
from pipeline_runtime.settings import DatabaseUrl
from recorder.results import read
from recorder.writer import Writer


@pytest.fixture
async def two_writers(stack: Stack):
    """Two lanes on connections of their own, as in two processes."""
    from pipeline_runtime.database import make_engine

    url = TypeAdapter(DatabaseUrl).validate_python(stack.url("callvault_recorder"))
    engine = make_engine(url, app="tests")
    relay = Relay(engine, stack.publisher, service="recorder")
    writers = [Writer(str(url), relay, stack.publisher, "http://test") for _ in range(2)]
    yield writers
    for writer in writers:
        await writer.close()
    await engine.dispose()


async def imported_before(stack: Stack, person: Person, writer: Writer, count: int) -> None:
    ids = [f"old-{n}" for n in range(count)]
    job = await stack.job(person, ids)
    await writer.write([read(Raw(record(person, job, one))) for one in ids])


async def force_open(stack: Stack, person: Person, ids: list[str]) -> UUID:
    """A job whose items were admitted before the month got full."""
    await stack.owner.execute("UPDATE users SET plan = 'unlimited' WHERE id = $1", person.id)
    job = await stack.job(person, ids)
    await stack.owner.execute("UPDATE users SET plan = 'free' WHERE id = $1", person.id)
    return job


async def outcomes(stack: Stack, jobs: list[UUID]) -> list[tuple[str, str | None]]:
    rows = await stack.owner.fetch(
        "SELECT status, code FROM sync_job_items WHERE job_id = ANY($1) ORDER BY status", jobs
    )
    return [tuple(row) for row in rows]


async def used(stack: Stack, person: Person) -> int:
    return await stack.owner.fetchval("SELECT used FROM import_usage WHERE owner_user_id = $1", person.id)


EXPECTED = [("duplicate", None), ("failed", "quota_exceeded"), ("imported", None)]


async def test_nine_of_ten_used_then_two_new_and_a_duplicate_in_one_batch(stack: Stack, two_writers) -> None:
    ada = await stack.person("free")
    await imported_before(stack, ada, two_writers[0], 9)
    job = await force_open(stack, ada, ["new-1", "new-2"])
    twin = await force_open(stack, ada, ["old-3-again"])
    await stack.owner.execute(
        "UPDATE sync_job_items SET external_id = 'old-3' WHERE external_id = 'old-3-again'"
    )
    batch = [record(ada, job, "new-1"), record(ada, job, "new-2"), record(ada, twin, "old-3")]
    await two_writers[0].write([read(Raw(one)) for one in batch])
    assert await outcomes(stack, [job, twin]) == EXPECTED
    assert await used(stack, ada) == 10
    for one in (job, twin):
        await stack.books(one)


async def test_nine_of_ten_used_then_two_new_and_a_duplicate_in_two_batches_at_once(
    stack: Stack, two_writers
) -> None:
    ada = await stack.person("free")
    await imported_before(stack, ada, two_writers[0], 9)
    job = await force_open(stack, ada, ["new-1", "new-2"])
    twin = await force_open(stack, ada, ["old-3-again"])
    await stack.owner.execute(
        "UPDATE sync_job_items SET external_id = 'old-3' WHERE external_id = 'old-3-again'"
    )
    first = [record(ada, job, "new-1"), record(ada, twin, "old-3")]
    second = [record(ada, job, "new-2"), record(ada, twin, "old-3")]
    await asyncio.gather(
        *(w.write([read(Raw(one)) for one in b]) for w, b in zip(two_writers, (first, second), strict=True))
    )
    assert await outcomes(stack, [job, twin]) == EXPECTED
    assert await used(stack, ada) == 10
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 10


async def test_the_same_keys_in_opposite_order_in_two_batches_neither_deadlock_nor_double(
    stack: Stack, two_writers
) -> None:
    people = [await stack.person() for _ in range(4)]
    ids = [f"call-{n}" for n in range(40)]
    jobs = [[await stack.job(person, ids) for person in people] for _ in range(2)]
    batches = [
        [record(p, job, one) for p, job in zip(people, mine, strict=True) for one in ids] for mine in jobs
    ]
    batches[1].reverse()
    await asyncio.gather(
        *(w.write([read(Raw(one)) for one in b]) for w, b in zip(two_writers, batches, strict=True))
    )
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 160
    totals = await stack.owner.fetchrow("SELECT sum(imported) AS i, sum(duplicates) AS d FROM sync_jobs")
    assert (totals["i"], totals["d"]) == (160, 160)
    for job in jobs[0] + jobs[1]:
        assert (await stack.books(job))["status"] == "completed"


async def test_an_admission_during_the_insert_ends_as_a_duplicate_at_the_latest_in_the_next_round(
    stack: Stack, two_writers, reconciler
) -> None:
    """Whoever is admitted while the first item of a call ends must not stay open behind it."""
    ada = await stack.person()
    jobs: list[UUID] = [await stack.job(ada, ["call"])]

    async def admit_more() -> None:
        connection = await asyncpg.connect(stack.url("callvault_owner"))
        for _ in range(60):
            job = UUID(int=len(jobs) + 1)
            await connection.execute(
                "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES ($1, $2, 'file_upload', 'upload')",
                job, ada.id,
            )  # fmt: skip
            await connection.fetch("""SELECT * FROM admit($1, '[{"external_id": "call"}]', true)""", job)
            jobs.append(job)
        await connection.close()

    async def write() -> None:
        while len(jobs) < 20:
            await asyncio.sleep(0)
        await two_writers[0].write([read(Raw(record(ada, jobs[0], "call")))])

    await asyncio.gather(admit_more(), write())
    await reconciler.round()
    statuses = await stack.owner.fetch("SELECT status, count(*) FROM sync_job_items GROUP BY 1")
    assert {row["status"]: row["count"] for row in statuses} == {"imported": 1, "duplicate": 60}


async def test_items_that_wait_for_a_call_over_the_limit_end_with_it(stack: Stack, two_writers) -> None:
    ada = await stack.person("free")
    await imported_before(stack, ada, two_writers[0], 10)
    first = await force_open(stack, ada, ["new"])
    waiting = await force_open(stack, ada, ["new"])
    await two_writers[0].write([read(Raw(record(ada, first, "new")))])
    assert await outcomes(stack, [first, waiting]) == [("failed", "quota_exceeded")] * 2
    for job in (first, waiting):
        assert (await stack.books(job))["status"] == "failed"
