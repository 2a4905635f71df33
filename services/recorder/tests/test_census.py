"""The ledger as the board shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import REGISTRY
from tests.support.eventually import eventually
from tests.support.stack import Person, Stack

from recorder import census
from recorder.census import Census

from .conftest import settings_for

ANY_TIME = datetime(2020, 1, 1, tzinfo=UTC)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def source() -> str:
    """One that no other test counts."""
    return f"s_{uuid4().hex[:10]}"


@pytest.fixture
async def connection(stack: Stack) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The recorder's own, with no more rights than it has."""
    made = await asyncpg.connect(stack.url("callvault_recorder"))
    yield made
    await made.close()
    census.clear()


async def pushed(stack: Stack, person: Person, name: str, request: dict[str, str]) -> UUID:
    """A webhook's job that has brought its call."""
    job = await stack.job(person, ["pushed"], source=name)
    await stack.owner.execute(
        "UPDATE sync_job_items SET status = 'imported', ended_at = now() WHERE job_id = $1", job
    )
    await stack.owner.execute(
        "UPDATE sync_jobs SET trigger = 'webhook', imported = 1, request = $2, ended_at = now() - interval '1 minute' "
        "WHERE id = $1", job, json.dumps(request),
    )  # fmt: skip
    return job


async def test_calls_are_counted_by_source_and_by_how_they_stand(
    stack: Stack, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    name, ada, bob = source(), await stack.person(), await stack.person()
    job = await stack.job(ada, ["one", "two", "three"], source=name)
    await stack.job(bob, ["four"], source=name)
    await stack.owner.execute(
        "UPDATE sync_job_items SET status = 'failed', code = 'lost', ended_at = now() "
        "WHERE job_id = $1 AND external_id = 'two'", job,
    )  # fmt: skip
    await stack.owner.execute("UPDATE sync_jobs SET failed = 1 WHERE id = $1", job)
    await stack.owner.execute(
        "UPDATE sync_job_items SET opened_at = opened_at - interval '1 hour' WHERE job_id = $1", job
    )
    await Census(settings_for(stack)).count(connection, ANY_TIME)

    counted = {
        status: shown("callvault_ledger_items", source=name, status=status) for status in census.STATUSES
    }
    assert counted == {"found": 4, "imported": 0, "duplicate": 0, "failed": 1, "skipped": 0, "open": 3}
    assert shown("callvault_user_items", user=str(ada.id), source=name, status="failed") == 1
    assert shown("callvault_user_items", user=str(bob.id), source=name, status="found") == 1
    assert shown("callvault_jobs_open", source=name) == 2
    oldest = shown("callvault_oldest_open_seconds", source=name)
    assert oldest is not None
    assert timedelta(hours=1) <= timedelta(seconds=oldest) < timedelta(hours=2)


async def test_what_its_user_has_paused_may_be_open_for_long(
    stack: Stack, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    name, ada, account = source(), await stack.person(), uuid4()
    job = await stack.job(ada, ["one"], source=name)
    await stack.owner.execute(
        "INSERT INTO import_sources (id, user_id, source_app, provider_account_id, status) VALUES ($1, $2, $3, 'ada', 'active')",
        account, ada.id, name,
    )  # fmt: skip
    await stack.owner.execute("UPDATE sync_jobs SET account_id = $1 WHERE id = $2", account, job)
    await stack.owner.execute("UPDATE sync_job_items SET opened_at = now() - interval '1 hour'")

    async def oldest(status: str) -> float | None:
        await stack.owner.execute("UPDATE import_sources SET status = $1", status)
        await Census(settings_for(stack)).count(connection, ANY_TIME)
        return shown("callvault_oldest_open_seconds", source=name)

    assert await oldest("paused") == 0
    assert (await oldest("active") or 0) >= 3600


async def test_users_are_as_many_as_the_board_can_bear(
    stack: Stack, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    name, people = source(), [await stack.person() for _ in range(census.USERS + 2)]
    for number, person in enumerate(people, start=1):
        await stack.job(person, [f"call-{n}" for n in range(number)], source=name)
    await Census(settings_for(stack)).count(connection, ANY_TIME)

    labels = [
        sample.labels
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if metric.name == "callvault_user_items"
    ]
    assert {one["user"] for one in labels} == {str(person.id) for person in people[2:]}


async def test_what_was_pushed_is_timed_from_its_receipt_and_once(
    stack: Stack, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    name, ada = source(), await stack.person()
    received = datetime.now(UTC) - timedelta(minutes=3)
    await pushed(stack, ada, name, {"received_at": received.isoformat()})
    await pushed(stack, await stack.person(), name, {})  # had been held
    counting = Census(settings_for(stack))
    until = await counting.count(connection, ANY_TIME)
    await counting.count(connection, until)

    assert shown("callvault_webhook_to_recording_seconds_count", source=name) == 1
    seconds = shown("callvault_webhook_to_recording_seconds_sum", source=name)
    assert seconds is not None
    assert 100 < seconds < 180


async def test_one_recorder_counts_and_another_goes_on_when_it_has_gone(stack: Stack) -> None:
    name = source()
    await stack.job(await stack.person(), ["one"], source=name)
    settings = settings_for(stack).model_copy(update={"recorder_count_every": timedelta(milliseconds=50)})
    locks = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

    async def counts() -> bool:
        return shown("callvault_jobs_open", source=name) == 1

    loops = [asyncio.create_task(Census(settings).run()) for _ in range(2)]
    await eventually(counts)
    assert await stack.owner.fetchval(locks, census.LOCK) == 1
    loops[0].cancel()
    await asyncio.gather(loops[0], return_exceptions=True)
    await eventually(counts)
    loops[1].cancel()
    await asyncio.gather(loops[1], return_exceptions=True)
    assert shown("callvault_jobs_open", source=name) is None
