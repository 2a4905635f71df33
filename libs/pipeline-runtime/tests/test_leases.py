"""A lease is renewed while the work goes on; who has lost it is stopped before another begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.database import MakeEngine, Session
from tests.support.eventually import eventually
from tests.support.stack import Stack

from pipeline_runtime import tasks
from pipeline_runtime.tasks import LeaseLost, Task, Worker

KIND = "transcribe"
SHORT = timedelta(seconds=1)


@pytest.fixture
def engine(engine_of: MakeEngine) -> AsyncEngine:
    return engine_of("callvault_transcriber")


async def leased(stack: Stack, engine: AsyncEngine, lease: timedelta = SHORT) -> tuple[Worker, Task]:
    """A worker with a task of its own."""
    job = await stack.job(await stack.person(), ["call-1"])
    item = await stack.owner.fetchval("SELECT id FROM sync_job_items WHERE job_id = $1", job)
    async with engine.begin() as connection:
        await tasks.add(connection, kind=KIND, job=job, item=item, attempt=1, payload={})
    worker = Worker(engine, KIND, lease=lease)
    task = await worker.claim()
    assert task is not None
    return worker, task


async def stopped(worker: Worker, task: Task, fault: Callable[[], Awaitable[object]]) -> bool:
    """Whether work that never ends by itself was stopped by LeaseLost after the fault."""
    begun = asyncio.Event()

    async def work() -> None:
        async with worker.holding(task):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    await fault()
    async with asyncio.timeout(10):
        with pytest.raises(LeaseLost):
            await working
    return not working.cancelled()


async def test_a_lease_is_renewed_for_as_long_as_the_work_lasts(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    first = await tables.owner.fetchval("SELECT lease_until FROM tasks")

    async def renewed_past_its_end() -> bool:
        return await tables.owner.fetchval(
            "SELECT lease_until > $1::timestamptz + interval '1 second' FROM tasks", first
        )

    async with worker.holding(task):
        assert await eventually(renewed_past_its_end)
        assert await Worker(engine, KIND).claim() is None
    await worker.sent(task)


async def test_work_whose_row_was_taken_is_stopped(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    take = "UPDATE tasks SET leased_by = gen_random_uuid()"
    assert await stopped(worker, task, lambda: tables.owner.execute(take))


async def test_work_whose_item_has_ended_is_stopped(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    assert await stopped(worker, task, lambda: tables.owner.execute("DELETE FROM tasks"))


async def test_work_is_stopped_before_the_lease_ends_when_the_renewal_hangs(
    tables: Stack, engine: AsyncEngine
) -> None:
    worker, task = await leased(tables, engine, timedelta(seconds=3))
    async with tables.owner.transaction():
        assert await stopped(worker, task, lambda: tables.owner.execute("SELECT FROM tasks FOR UPDATE"))
        assert await tables.owner.fetchval("SELECT lease_until > clock_timestamp() FROM tasks")


async def test_work_is_stopped_before_the_lease_ends_when_the_database_is_away(
    tables: Stack, engine: AsyncEngine, admin: Session
) -> None:
    worker, task = await leased(tables, engine, timedelta(seconds=3))

    async def go_away() -> None:
        await admin.execute(f"ALTER DATABASE {tables.database} ALLOW_CONNECTIONS false")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename <> 'callvault_owner'",
            tables.database,
        )

    assert await stopped(worker, task, go_away)
    assert await tables.owner.fetchval("SELECT lease_until > clock_timestamp() FROM tasks")


async def test_a_short_absence_of_the_database_stops_nobody(
    tables: Stack, engine: AsyncEngine, admin: Session
) -> None:
    worker, task = await leased(tables, engine, timedelta(seconds=3))
    first = await tables.owner.fetchval("SELECT lease_until FROM tasks")

    async def renewed() -> bool:
        return await tables.owner.fetchval("SELECT lease_until > $1 FROM tasks", first)

    async with worker.holding(task):
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = $1 AND usename = 'callvault_transcriber'", tables.database,
        )  # fmt: skip
        assert await eventually(renewed)
    await worker.sent(task)


async def test_a_cancellation_from_outside_stays_one(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    begun = asyncio.Event()

    async def work() -> None:
        async with worker.holding(task):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert working.cancelled()
    await worker.sent(task)  # the row is still ours


async def test_a_cancellation_from_outside_wins_over_a_lost_lease(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    told = asyncio.Event()

    async def work() -> None:
        async with worker.holding(task):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.set()
                with suppress(asyncio.CancelledError):  # winding up, when the second one comes
                    await asyncio.Event().wait()
                raise

    working = asyncio.create_task(work())
    await tables.owner.execute("UPDATE tasks SET leased_by = gen_random_uuid()")
    await told.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_errors_of_the_work_itself_pass_as_they_are(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)
    with pytest.raises(LookupError, match="of its own"):
        async with worker.holding(task):
            raise LookupError("of its own")
    await worker.sent(task)
    assert len(asyncio.all_tasks()) == 1  # nobody goes on renewing


async def test_after_a_lost_lease_the_worker_goes_on(tables: Stack, engine: AsyncEngine) -> None:
    worker, task = await leased(tables, engine)

    async def work() -> str:
        with suppress(LeaseLost):
            async with worker.holding(task):
                await tables.owner.execute("DELETE FROM tasks")
                await asyncio.Event().wait()
        async with asyncio.timeout(5):  # would misbehave if a cancellation were still pending
            await asyncio.sleep(0)
        current = asyncio.current_task()
        assert current is not None
        return f"{current.cancelling()} cancellations pending"

    assert await asyncio.create_task(work()) == "0 cancellations pending"


async def test_work_that_gives_its_row_up_while_a_renewal_waits_for_it_ends_as_it_should(
    tables: Stack, engine: AsyncEngine, admin: Session
) -> None:
    worker, task = await leased(tables, engine, timedelta(seconds=6))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"

    async def renewals_waiting(count: int) -> bool:
        return bool(await admin.fetchval(waiting, tables.database) == count)

    async with worker.holding(task):
        async with engine.begin() as connection:
            await worker.later(task, timedelta(hours=1), within=connection)
            assert await eventually(lambda: renewals_waiting(1))
        assert await eventually(lambda: renewals_waiting(0))
        async with asyncio.timeout(10):  # the keeper has found the row gone, and ends without a word
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)
