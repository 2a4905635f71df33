"""The bell wakes a worker when there is something to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.database import MakeEngine, Session
from tests.support.eventually import eventually
from tests.support.stack import Stack

from pipeline_runtime import tasks
from pipeline_runtime.tasks import Bell

KIND = "transcribe"
LISTENING = """
SELECT pid FROM pg_stat_activity WHERE datname = $1 AND usename = 'callvault_transcriber' AND query ~ '^LISTEN'
"""


@pytest.fixture
async def bell(tables: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bell]:
    monkeypatch.setattr(tasks, "POLL_SECONDS", 60.0)  # so that only a notice can ring
    made = Bell(tables.url("callvault_transcriber"), KIND)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def listener(stack: Stack, admin: Session, *, after: int | None = None) -> int:
    """The backend that listens, once there is one (another one)."""

    async def probe() -> int | None:
        pid: int | None = await admin.fetchval(LISTENING, stack.database)
        return None if pid == after else pid

    return await eventually(probe)


async def add(stack: Stack, engine: AsyncEngine, kind: str = KIND) -> None:
    job: UUID = await stack.job(await stack.person(), ["call-1"])
    item = await stack.owner.fetchval("SELECT id FROM sync_job_items WHERE job_id = $1", job)
    async with engine.begin() as connection:
        await tasks.add(connection, kind=kind, job=job, item=item, attempt=1, payload={})


async def rings(bell: Bell, within: float = 10.0) -> bool:
    try:
        async with asyncio.timeout(within):
            await bell.wait()
    except TimeoutError:
        return False
    return True


async def test_a_new_task_rings_when_it_is_committed_and_one_of_another_kind_does_not(
    tables: Stack, bell: Bell, engine_of: MakeEngine, admin: Session
) -> None:
    engine = engine_of("callvault_transcriber")
    await listener(tables, admin)
    await tables.owner.execute("SELECT pg_notify($1, 'another')", tasks.CHANNEL)
    assert not await rings(bell, within=0.3)
    await add(tables, engine)
    assert await rings(bell)
    assert not await rings(bell, within=0.3)  # once


async def test_a_bell_whose_connection_was_cut_listens_again(
    tables: Stack, bell: Bell, engine_of: MakeEngine, admin: Session
) -> None:
    first = await listener(tables, admin)
    await admin.execute("SELECT pg_terminate_backend($1)", first)
    await listener(tables, admin, after=first)
    await add(tables, engine_of("callvault_transcriber"))
    assert await rings(bell)


async def test_a_bell_can_be_rung_by_hand_and_rings_by_itself_after_a_while(
    tables: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(tables.url("callvault_transcriber"), KIND)  # nobody runs it: no notice will come
    monkeypatch.setattr(tasks, "POLL_SECONDS", 60.0)
    bell.ring()
    assert await rings(bell)
    monkeypatch.setattr(tasks, "POLL_SECONDS", 0.05)
    assert await rings(bell)
