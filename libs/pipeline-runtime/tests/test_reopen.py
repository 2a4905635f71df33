"""`reopen`: a failed item is tried again in its own job, with the next attempt."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

import asyncpg
from tests.support.database import Connect, Session
from tests.support.ledger import add_recording, admit, end, item_of, new_job, web_of
from tests.support.stack import Stack

REOPEN = "SELECT * FROM reopen($1)"


async def test_a_failed_item_opens_with_the_next_attempt_and_its_job_runs_again(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, {"external_id": "call-1", "ticket": {"n": 1}}, "call-2", last=True)
    await end(tables, job, "call-2", "imported")
    item = await end(tables, job, "call-1", "failed")
    before = await tables.books(job)
    assert before["ended_at"] is not None
    (row,) = await web.fetch(REOPEN, [item])
    assert dict(row) == {
        "item_id": item, "job_id": job, "owner_user_id": ada.id, "attempt": 2, "outcome": "found", "ticket": '{"n": 1}',
    }  # fmt: skip
    after = await tables.books(job)
    assert (after["status"], after["failed"], after["open"], after["ended_at"]) == ("running", 0, 1, None)
    assert after["version"] == before["version"] + 1
    opened = await item_of(tables, job, "call-1")
    assert (opened["status"], opened["attempt"], opened["code"], opened["ended_at"]) == ("found", 2, None, None)


async def test_only_failed_items_are_reopened(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, "open", "imported", "skipped", "failed", last=True)
    items = [(await item_of(tables, job, "open"))["id"]]
    items += [await end(tables, job, one, one) for one in ("imported", "skipped", "failed")]
    rows = await web.fetch(REOPEN, [*items, *items, uuid4()])
    assert [row["item_id"] for row in rows] == [items[-1]]
    assert (await tables.books(job))["open"] == 2
    assert await web.fetch(REOPEN, []) == []


async def test_a_call_that_is_worked_on_elsewhere_is_joined(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    first, second, web = await new_job(tables, ada), await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, first, "call-1")
    item = await end(tables, first, "call-1", "failed")
    await admit(web, second, "call-1")
    (row,) = await web.fetch(REOPEN, [item])
    assert row["outcome"] == "joined"
    assert (await item_of(tables, first, "call-1"))["ticketed_at"] is None
    await tables.books(first)


async def test_of_one_call_that_failed_in_two_jobs_one_is_found_and_the_other_joins(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    jobs, web = [await new_job(tables, ada) for _ in range(2)], await web_of(connect, ada)
    for job in jobs:
        await admit(web, job, "call-1")
    items = [await end(tables, job, "call-1", "failed") for job in jobs]
    assert sorted(row["outcome"] for row in await web.fetch(REOPEN, items)) == ["found", "joined"]
    for job in jobs:
        assert (await tables.books(job))["open"] == 1


async def test_a_call_that_came_into_the_library_meanwhile_is_a_duplicate(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, "call-1", last=True)
    item = await end(tables, job, "call-1", "failed")
    recording = await add_recording(tables, job, "call-1")
    (row,) = await web.fetch(REOPEN, [item])
    assert row["outcome"] == "duplicate"
    ended = await item_of(tables, job, "call-1")
    assert (ended["status"], ended["recording_id"], ended["code"]) == ("duplicate", recording, None)
    assert (await tables.books(job))["duplicates"] == 1


async def test_without_room_in_the_month_the_item_and_its_job_are_left_alone(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person("free")
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, *(f"call-{n}" for n in range(9)), "a", last=True)
    items = [await end(tables, job, "a", "failed"), await end(tables, job, "call-0", "failed")]
    await admit(web, await new_job(tables, ada), "another")
    before, stands = await tables.books(job), await item_of(tables, job, "a")
    rows = await web.fetch(REOPEN, items)
    assert sorted(row["outcome"] for row in rows) == ["found", "quota_exceeded"]  # there was room for one
    (left,) = (row["item_id"] for row in rows if row["outcome"] == "quota_exceeded")
    after = await tables.books(job)
    assert (after["failed"], after["version"]) == (1, before["version"] + 1)
    again = await web.fetch(REOPEN, [left])
    assert [row["outcome"] for row in again] == ["quota_exceeded"]
    assert (await tables.books(job)) == after
    if left == stands["id"]:
        assert await item_of(tables, job, "a") == stands


async def test_reopening_twice_at_once_counts_once(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job = await new_job(tables, ada)
    sessions = [await web_of(connect, ada) for _ in range(6)]
    await admit(sessions[0], job, "call-1", "call-2", last=True)
    items = [await end(tables, job, call, "failed") for call in ("call-1", "call-2")]
    answers = await asyncio.gather(*(web.fetch(REOPEN, items) for web in sessions))
    assert sorted(len(rows) for rows in answers) == [0, 0, 0, 0, 0, 2]
    books = await tables.books(job)
    assert (books["failed"], books["open"]) == (0, 2)
    assert (await item_of(tables, job, "call-1"))["attempt"] == 2


FAIL_ITEMS = """
WITH locked AS (
    SELECT id FROM sync_job_items WHERE id = ANY($1::uuid[]) AND status = 'found' ORDER BY id FOR UPDATE
)
UPDATE sync_job_items i SET status = 'failed', code = 'no_speech', ended_at = now()
FROM locked WHERE i.id = locked.id AND i.status = 'found' RETURNING job_id
"""
COUNT_JOBS = """
WITH x AS (SELECT job, count(*) AS n FROM unnest($1::uuid[]) AS x (job) GROUP BY 1),
locked AS (SELECT j.id FROM sync_jobs j JOIN x ON x.job = j.id ORDER BY j.id FOR UPDATE OF j)
UPDATE sync_jobs j SET failed = failed + x.n, version = version + 1
FROM x JOIN locked ON locked.id = x.job WHERE j.id = x.job
"""


async def fail_as_the_recorder_does(session: Session, items: list[UUID]) -> None:
    """Items by id, then jobs by id: the lock order that holds everywhere."""
    async with session.transaction():
        rows = await session.fetch(FAIL_ITEMS, items)
        await session.execute(COUNT_JOBS, [row["job_id"] for row in rows])


async def test_admissions_retries_and_the_recorders_batches_never_lock_each_other_out(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person("unlimited")  # the recorder takes no usage lock for them
    jobs = [await new_job(tables, ada) for _ in range(8)]
    calls = [f"call-{n}" for n in range(10)]
    web = await web_of(connect, ada)
    for job in jobs:
        await admit(web, job, *calls)
    items = [row["id"] for row in await tables.owner.fetch("SELECT id FROM sync_job_items")]

    async def retry(seed: int) -> None:
        session, dice = await web_of(connect, ada), random.Random(seed)
        for _ in range(30):
            await session.fetch(REOPEN, dice.sample(items, 25))

    async def record(seed: int) -> None:
        session, dice = await connect("callvault_recorder"), random.Random(seed)
        for _ in range(30):
            await fail_as_the_recorder_does(session, dice.sample(items, 25))

    async def find(seed: int) -> None:
        session, dice = await web_of(connect, ada), random.Random(seed)
        for n in range(30):
            page = [*dice.sample(calls, 5), f"new-{seed}-{n}"]
            await admit(session, dice.choice(jobs), *page)

    work = [retry(1), retry(2), record(3), record(4), record(5), find(6)]
    async with asyncio.timeout(30):
        errors = await asyncio.gather(*work, return_exceptions=True)
    deadlocks = [error for error in errors if isinstance(error, asyncpg.DeadlockDetectedError)]
    assert deadlocks == []
    assert errors == [None] * len(work)
    for job in jobs:
        await tables.books(job)
