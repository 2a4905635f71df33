"""Tickets become rows once; rows are taken in a fair order, by one worker each."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.database import MakeEngine
from tests.support.ledger import end, item_of
from tests.support.stack import Person, Stack

from pipeline_runtime import tasks
from pipeline_runtime.tasks import LeaseLost, Task, Worker

KIND = "transcribe"
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(engine_of: MakeEngine) -> AsyncEngine:
    return engine_of("callvault_transcriber")


async def add(engine: AsyncEngine, job: UUID, item: UUID, *, attempt: int = 1, **payload: Any) -> bool:
    async with engine.begin() as connection:
        return await tasks.add(connection, kind=KIND, job=job, item=item, attempt=attempt, payload=payload)


async def enqueue(stack: Stack, engine: AsyncEngine, person: Person, *calls: str) -> UUID:
    """A job with an open item and a task for each call."""
    job = await stack.job(person, calls)
    for call in calls:
        assert await add(engine, job, (await item_of(stack, job, call))["id"], call=call)
    return job


async def take(worker: Worker) -> Task:
    task = await worker.claim()
    assert task is not None
    return task


async def test_a_ticket_that_comes_twice_makes_one_row(tables: Stack, engine: AsyncEngine) -> None:
    ada = await tables.person()
    job = await tables.job(ada, ["call-1"])
    item = (await item_of(tables, job, "call-1"))["id"]
    assert await add(engine, job, item, key="a/b") is True
    assert await add(engine, job, item, key="other") is False
    at_once = await asyncio.gather(*(add(engine, job, item) for _ in range(5)))
    assert at_once == [False] * 5
    task = await take(Worker(engine, KIND))
    assert (task.job_id, task.item_id, task.owner_user_id) == (job, item, ada.id)
    assert (task.part, task.attempt, task.tries, task.payload) == (0, 1, 1, {"key": "a/b"})


async def test_no_row_is_made_for_an_ended_item_an_old_attempt_or_another_job(
    tables: Stack, engine: AsyncEngine
) -> None:
    ada = await tables.person()
    job, other = await tables.job(ada, ["ended", "retried"]), await tables.job(ada, ["else"])
    ended = await end(tables, job, "ended", "failed")
    retried = (await item_of(tables, job, "retried"))["id"]
    await tables.owner.execute("UPDATE sync_job_items SET attempt = 2 WHERE id = $1", retried)
    assert not await add(engine, job, ended)
    assert not await add(engine, job, retried, attempt=1)
    assert not await add(engine, other, retried, attempt=2)
    assert await add(engine, job, retried, attempt=2)
    assert (await take(Worker(engine, KIND))).attempt == 2


async def test_live_work_comes_before_backfill_and_older_before_newer(
    tables: Stack, engine: AsyncEngine
) -> None:
    await enqueue(tables, engine, await tables.person(), "backfill", "first", "second")
    await tables.owner.execute("UPDATE tasks SET priority = 1 WHERE payload ->> 'call' = 'backfill'")
    worker = Worker(engine, KIND)
    taken = [(await take(worker)).payload["call"] for _ in range(3)]
    assert taken == ["first", "second", "backfill"]
    assert await worker.claim() is None


async def test_an_owner_with_much_work_does_not_hold_up_the_others(tables: Stack, engine: AsyncEngine) -> None:
    busy, quiet = await tables.person(), await tables.person()
    await enqueue(tables, engine, busy, *(f"busy-{n}" for n in range(6)))
    await enqueue(tables, engine, quiet, "quiet-1", "quiet-2")
    owners = [(await take(Worker(engine, KIND))).owner_user_id for _ in range(4)]
    assert Counter(owners) == {busy.id: 2, quiet.id: 2}
    assert owners[:2] == [busy.id, quiet.id]


async def test_of_several_workers_each_task_goes_to_one(tables: Stack, engine: AsyncEngine) -> None:
    await enqueue(tables, engine, await tables.person(), *(f"call-{n}" for n in range(12)))

    async def work() -> list[int]:
        worker, taken = Worker(engine, KIND), []
        while (task := await worker.claim()) is not None:
            taken.append(task.id)
        return taken

    taken = await asyncio.gather(*(work() for _ in range(6)))
    assert len({task for some in taken for task in some}) == sum(map(len, taken)) == 12


async def test_a_row_that_another_transaction_holds_is_passed_over(tables: Stack, engine: AsyncEngine) -> None:
    await enqueue(tables, engine, await tables.person(), "locked", "free")
    async with tables.owner.transaction():
        await tables.owner.execute("SELECT FROM tasks WHERE payload ->> 'call' = 'locked' FOR UPDATE")
        async with asyncio.timeout(5):
            worker = Worker(engine, KIND)
            assert (await take(worker)).payload["call"] == "free"
            assert await worker.claim() is None


async def test_a_lease_that_ran_out_is_taken_over_and_its_first_holder_is_told(
    tables: Stack, engine: AsyncEngine
) -> None:
    await enqueue(tables, engine, await tables.person(), "call-1")
    first, second = Worker(engine, KIND), Worker(engine, KIND)
    task = await take(first)
    assert await second.claim() is None
    await tables.owner.execute("UPDATE tasks SET lease_until = now() - interval '1 second'")
    again = await take(second)
    assert (again.id, again.tries) == (task.id, 2)
    for late in (first.sent(task), first.later(task, HOUR)):
        with pytest.raises(LeaseLost):
            await late
    await second.sent(again)


async def test_a_lease_that_ran_out_but_was_not_taken_over_may_still_be_ended(
    tables: Stack, engine: AsyncEngine
) -> None:
    await enqueue(tables, engine, await tables.person(), "call-1")
    worker = Worker(engine, KIND)
    task = await take(worker)
    await tables.owner.execute("UPDATE tasks SET lease_until = now() - interval '1 second'")
    await worker.sent(task)


async def test_what_was_sent_waits_for_its_item_and_is_made_again_when_that_does_not_end(
    tables: Stack, engine: AsyncEngine
) -> None:
    await enqueue(tables, engine, await tables.person(), "call-1")
    worker = Worker(engine, KIND)
    task = await take(worker)
    await worker.sent(task)
    assert await worker.claim() is None
    await tables.owner.execute("UPDATE tasks SET sent_at = sent_at - $1::interval", tasks.RESEND_AFTER)
    again = await take(worker)
    assert (again.id, again.tries) == (task.id, 2)
    assert await tables.owner.fetchval("SELECT sent_at FROM tasks") is None
    await worker.sent(again)
    assert await worker.claim() is None


async def test_what_is_put_off_waits_its_time_and_belongs_to_nobody(tables: Stack, engine: AsyncEngine) -> None:
    await enqueue(tables, engine, await tables.person(), "call-1", "call-2")
    worker = Worker(engine, KIND)
    task = await take(worker)
    assert await worker.waiting() == 1
    await worker.later(task, HOUR)
    assert await worker.waiting() == 1
    assert (await take(worker)).payload["call"] == "call-2"
    assert await worker.claim() is None
    with pytest.raises(LeaseLost):
        await worker.sent(task)
    await tables.owner.execute("UPDATE tasks SET not_before = not_before - $1::interval", HOUR)
    assert (await take(worker)).id == task.id


async def test_the_row_of_an_ended_item_is_gone_and_a_retry_makes_a_new_one(
    tables: Stack, engine: AsyncEngine
) -> None:
    job = await enqueue(tables, engine, await tables.person(), "call-1")
    worker = Worker(engine, KIND)
    task = await take(worker)
    item = await end(tables, job, "call-1", "failed")
    await tables.owner.execute("DELETE FROM tasks")
    with pytest.raises(LeaseLost):
        await worker.sent(task)
    await tables.owner.execute("SELECT * FROM reopen($1)", [item])
    assert await add(engine, job, item, attempt=2)
    assert (await take(worker)).id != task.id
