"""The schedule: what is due is done once, by whichever gateway comes first."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.stack import Person

from ingest_gateway.schedule import Schedule
from pipeline_contracts import FetchRequested

from .sources import Source, source_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAST = timedelta(minutes=-1)


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


async def jobs_of(gateway: Gateway, source: Source) -> list[dict[str, Any]]:
    rows = await gateway.stack.owner.fetch("SELECT * FROM sync_jobs WHERE source_app = $1", source.name)
    return [dict(row) for row in rows]


async def told(source: Source) -> list[FetchRequested]:
    async def some() -> list[FetchRequested] | None:
        return await source.fetches() or None

    return await eventually(some)


async def rounds(gateway: Gateway, count: int = 1) -> None:
    """Replicas that all look at once."""
    deps = gateway.app.state.deps
    replicas = [Schedule(deps.relay, deps.manifests, timedelta(hours=1)) for _ in range(count)]
    await asyncio.gather(*(replica.round() for replica in replicas))


async def test_a_due_account_is_synced_once_however_many_look(gateway: Gateway) -> None:
    source = await source_of(gateway)
    account = await source.account(
        await gateway.stack.person(), next_sync_at=ago(minutes=1), options='{"audio": true}'
    )
    await rounds(gateway, 8)
    [request] = await told(source)
    [job] = await jobs_of(gateway, source)

    assert (request.job_id, request.account_id, request.trigger) == (job["id"], account, "schedule")
    assert (request.window_from, request.options, job["trigger"]) == (None, {"audio": True}, "schedule")
    await rounds(gateway)
    assert len(await jobs_of(gateway, source)) == 1


async def test_accounts_that_cannot_be_synced_are_left_alone(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    for status in ("paused", "error", "disconnected"):
        await source.account(person, status=status, next_sync_at=ago(minutes=1))
    away = await source_of(gateway)
    await away.account(person, next_sync_at=ago(minutes=1))
    manifests = gateway.app.state.deps.manifests
    manifests._known[away.name] = away.manifest.model_copy(update={"sent_at": ago(minutes=5)})
    await rounds(gateway)

    # the one whose connector came back is taken by the gateway's own loop; until then nobody is
    assert await jobs_of(gateway, source) == []


async def test_an_account_that_is_being_synced_waits_for_its_next_turn(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    account = await source.account(person)
    client = await gateway.client_of(person)
    await client.post(f"/api/accounts/{account}/sync")
    await gateway.stack.owner.execute("UPDATE import_sources SET next_sync_at = now() WHERE id = $1", account)
    await rounds(gateway)

    assert [job["trigger"] for job in await jobs_of(gateway, source)] == ["manual"]


async def test_once_a_day_the_last_days_are_gone_through(gateway: Gateway) -> None:
    source = await source_of(gateway)
    account = await source.account(
        await gateway.stack.person(),
        next_sync_at=ago(minutes=1),
        created_at=ago(days=9),
        checked_at=ago(hours=25),
        last_sync_at=ago(hours=1),
    )
    await rounds(gateway)
    [request] = await told(source)
    [job] = await jobs_of(gateway, source)

    assert request.window_from is not None
    assert timedelta(days=2.9) < datetime.now(UTC) - request.window_from < timedelta(days=3.1)
    assert json.loads(job["request"])["check"] is True
    checked = await gateway.stack.owner.fetchval("SELECT checked_at FROM import_sources WHERE id = $1", account)
    assert datetime.now(UTC) - checked < timedelta(minutes=5)


async def test_an_account_that_was_away_for_days_catches_up_from_its_cursor_and_not_from_some_days_ago(
    gateway: Gateway,
) -> None:
    source = await source_of(gateway)
    await source.account(
        await gateway.stack.person(),
        next_sync_at=ago(minutes=1),
        created_at=ago(days=30),
        last_sync_at=ago(days=10),
    )
    await rounds(gateway)
    [request] = await told(source)
    assert request.window_from is None


async def skipped_item(gateway: Gateway, person: Person, source: Source, account: UUID, call: str) -> UUID:
    job = uuid4()
    await gateway.stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) VALUES ($1, $2, $3, $4, 'webhook')",
        job, person.id, source.name, account,
    )  # fmt: skip
    [row] = await gateway.stack.admit(job, [call])
    await gateway.stack.owner.execute(
        "UPDATE sync_job_items SET status = 'skipped', code = 'not_ready', ended_at = now(), revisit_at = now() "
        "WHERE id = $1", row["item_id"],
    )  # fmt: skip
    return UUID(str(row["item_id"]))


async def test_a_call_that_was_not_ready_is_looked_at_again_in_a_job_of_its_own(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    account, paused = await source.account(person), await source.account(person, status="paused")
    item = await skipped_item(gateway, person, source, account, "call")
    waits = await skipped_item(gateway, person, source, paused, "other")
    await rounds(gateway, 4)
    [request] = await told(source)

    assert (request.trigger, request.item_ids, request.account_id) == ("retry", (item,), account)
    [job] = [job for job in await jobs_of(gateway, source) if job["trigger"] == "retry"]
    assert (job["id"], job["account_id"], job["found"]) == (request.job_id, account, 0)
    assert await gateway.stack.owner.fetchval("SELECT revisit_at FROM sync_job_items WHERE id = $1", waits)


async def test_what_was_pushed_while_an_account_was_paused_is_asked_for_when_it_is_resumed(
    gateway: Gateway,
) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    account, inbox = await source.account(person, status="paused"), uuid4()
    await gateway.stack.owner.execute(
        "INSERT INTO webhook_inbox (id, source_app, delivery_id, state, body) VALUES ($1, $2, 'd', 'held', 'x')",
        inbox, source.name,
    )  # fmt: skip
    await gateway.stack.owner.execute(
        "INSERT INTO webhook_held (inbox_id, account_id) VALUES ($1, $2)", inbox, account
    )
    await rounds(gateway)
    assert await source.fetches() == []
    client = await gateway.client_of(person)
    await client.patch(f"/api/accounts/{account}", json={"paused": False})

    async def asked_for() -> bool:
        wanted = FetchRequested(trigger="webhook", inbox_id=inbox, account_id=account)
        return wanted in await source.fetches()

    await eventually(asked_for)


async def test_what_grows_old_is_expired_erased_and_forgotten(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    owner, account = gateway.stack.owner, await source.account(person)
    attempt, old_attempt, running = uuid4(), uuid4(), uuid4()
    for one, expired, made in (
        (attempt, ago(minutes=1), ago(minutes=6)),
        (old_attempt, ago(days=8), ago(days=8)),
    ):
        await owner.execute(
            "INSERT INTO connect_attempts (id, user_id, source_app, method, secret_sealed, expires_at, created_at) "
            "VALUES ($1, $2, $3, 'oauth2', 'x', $4, $5)", one, person.id, source.name, expired, made,
        )  # fmt: skip
    boxes = {name: uuid4() for name in ("ended", "open", "held", "half_held", "replayed", "stored", "old")}
    for name, inbox in boxes.items():
        state = {"held": "held", "replayed": "held", "stored": "stored"}.get(name, "resolved")
        await owner.execute(
            "INSERT INTO webhook_inbox (id, source_app, delivery_id, state, body, received_at) "
            "VALUES ($1, $2, $3, $4, 'x', $5)",
            inbox, source.name, name, state, ago(days=31 if name == "old" else 1),
        )  # fmt: skip
    for name in ("held", "half_held"):  # of several accounts that a delivery is for, one may be paused
        await owner.execute(
            "INSERT INTO webhook_held (inbox_id, account_id) VALUES ($1, $2)", boxes[name], account
        )
    await owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) VALUES ($1, $2, $3, $4, 'webhook')",
        running, person.id, source.name, account,
    )  # fmt: skip
    await gateway.stack.admit(running, ["call"], ticket={"source_item": {}, "inbox_id": str(boxes["open"])})
    await gateway.app.state.deps.schedule.tidy()
    rows = await owner.fetch(
        "SELECT delivery_id, has_body FROM webhook_inbox WHERE source_app = $1", source.name
    )
    attempts = await owner.fetch(
        "SELECT id, status, secret_sealed FROM connect_attempts WHERE source_app = $1", source.name
    )

    assert {row["delivery_id"]: row["has_body"] for row in rows} == {
        "ended": False, "open": True, "held": True, "half_held": True, "replayed": False, "stored": True,
    }  # fmt: skip
    assert [tuple(row) for row in attempts] == [(attempt, "expired", None)]
