"""Disconnect, pause, cancel, in mid-sync; and webhooks that come meanwhile."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from tests.support.eventually import eventually
from tests.support.sources import Source, World, gathered

from pipeline_contracts import FetchRequested

from .conftest import body_of, quiet, state, webhook_job

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def slow_sync(fathom: Source, world: World, person: Any, user: str = "maya") -> tuple[UUID, UUID]:
    """An account and its first job, some of whose calls are in and some are not."""
    await world.heal()
    await world.fault(on="fathom.transcript", times=None, delay=0.7)
    account = await fathom.connect(person, world, user)
    job = await fathom.first_job(account)

    async def some_are_in() -> bool:
        row = await fathom.stack.owner.fetchrow("SELECT imported, open FROM sync_jobs WHERE id = $1", job)
        return bool(row and row["imported"] > 0 and row["open"] > 3)

    await eventually(some_are_in)
    return account, job


async def test_a_disconnection_in_mid_sync_stops_it_tells_the_provider_and_wipes_the_secret(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    account, job = await slow_sync(fathom, world, ada)
    await fathom.disconnect(account)
    row = await fathom.ended(job)
    assert row["skipped"] > 0
    assert row["imported"] + row["skipped"] == row["found"]
    codes = await fathom.stack.owner.fetch("SELECT DISTINCT code FROM sync_job_items WHERE status = 'skipped'")
    assert [one["code"] for one in codes] == ["cancelled"]
    assert len(await fathom.recordings(ada)) == row["imported"]

    async def wiped() -> bool:
        left = await fathom.stack.owner.fetchval(
            "SELECT (SELECT count(*) FROM source_credentials WHERE account_id = $1) + "
            "(SELECT count(*) FROM webhook_secrets WHERE account_id = $1) + "
            "(SELECT count(*) FROM tasks WHERE account_id = $1)", account,
        )  # fmt: skip
        return left == 0

    await eventually(wiped, within=30)
    assert (await fathom.account(account))["webhook_id"] is None
    assert await world.calls("fathom.webhook_delete") == await world.calls("fathom.webhook_create") == 1


async def test_after_a_disconnection_one_connects_again_and_goes_on_with_what_was_stopped(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    account, job = await slow_sync(fathom, world, ada, "tom")
    await fathom.disconnect(account)
    stopped = await fathom.ended(job)
    await world.heal()
    assert await fathom.connect(ada, world, "tom") == account
    again = await fathom.ended(await fathom.first_job(account))
    assert again["imported"] > 0 < stopped["skipped"]  # fewer where a record was in flight
    assert len(await fathom.recordings(ada)) == stopped["found"]


async def test_a_pause_in_mid_sync_holds_it_and_going_on_ends_it(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    account, job = await slow_sync(fathom, world, ada, "ines")
    await fathom.pause(account)

    async def nobody_works() -> bool:
        return not await fathom.stack.owner.fetchval(
            "SELECT count(*) FROM tasks WHERE account_id = $1 AND lease_until > now()", account
        )

    await eventually(nobody_works)
    await world.forget_calls()
    before = await fathom.stack.books(job)
    assert before["open"] > 0
    assert await world.calls("fathom.transcript") == 0
    await world.heal()
    await fathom.pause(account, paused=False)
    row = await fathom.ended(job)
    assert row["imported"] == row["found"]


async def test_a_cancelled_job_ends_as_cancelled_and_a_date_range_brings_the_rest(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    account, job = await slow_sync(fathom, world, ada)
    await fathom.cancel(job)
    row = await fathom.ended(job)
    assert row["status"] == "cancelled"
    assert row["skipped"] > 0
    await world.heal()
    assert (await fathom.ended(await fathom.sync(account)))["imported"] <= 1  # what was stopped is not wanted
    request = {"window_from": "2020-01-01T00:00:00+00:00"}
    rest = await fathom.ended(await fathom.sync(account, request=request))
    assert rest["imported"] > 0
    assert len(await fathom.recordings(ada)) == row["found"]


async def test_a_webhook_with_the_words_in_it_needs_no_call_at_all(fathom: Source, world: World) -> None:
    ada, account = await quiet(fathom, world)
    body = await body_of(world, "Pushed")
    await world.forget_calls()
    for _ in range(2):  # the same call under two ids
        assert await state(fathom, await fathom.deliver(body, account)) == "resolved"
    job = await fathom.ended(await webhook_job(fathom, account))
    assert job["imported"] + job["duplicates"] == 1
    assert await world.calls("fathom.transcript") == 0
    [call] = [call for call in await fathom.recordings(ada) if call["title"] == "Pushed"]
    assert call["full_transcript"] == "Petra: This is Pushed."


async def test_a_webhook_for_a_paused_account_waits_and_is_replayed_by_the_api(
    fathom: Source, world: World
) -> None:
    ada, account = await quiet(fathom, world)
    await fathom.pause(account)
    inbox = await fathom.deliver(await body_of(world, "Held"), account)
    assert await state(fathom, inbox) == "held"
    await fathom.pause(account, paused=False)
    await world.forget_calls()
    await fathom.replay(inbox, account)
    job = await fathom.ended(await webhook_job(fathom, account))
    assert job["imported"] == 1
    assert await world.calls("fathom.transcript") == 1
    assert await fathom.stack.owner.fetchval("SELECT count(*) FROM webhook_held") == 0
    assert "Held" in [call["title"] for call in await fathom.recordings(ada)]


async def test_a_webhook_for_a_disconnected_account_is_erased(fathom: Source, world: World) -> None:
    _, account = await quiet(fathom, world)
    await fathom.disconnect(account)
    inbox = await fathom.deliver(await body_of(world, "Too late"), account)
    assert await state(fathom, inbox) == "unknown"
    assert await fathom.stack.owner.fetchval("SELECT body FROM webhook_inbox WHERE id = $1", inbox) is None


async def reopened(fathom: Source, job: UUID) -> UUID:
    """The failed item of a job, which a user wants to be tried again."""
    return UUID(str(await fathom.stack.owner.fetchval(
        "SELECT r.item_id FROM sync_job_items i, reopen(ARRAY[i.id]) r WHERE i.job_id = $1 AND i.status = 'failed'", job
    )))  # fmt: skip


async def test_the_same_call_listed_pushed_and_retried_at_once_is_one_recording(
    fathom: Source, world: World
) -> None:
    ada, account = await quiet(fathom, world)
    body = await body_of(world, "Three ways")
    await world.fault(on="fathom.transcript", times=1, answer={"status": 403, "body": {}})
    failed = await fathom.sync(account)
    assert (await fathom.ended(failed))["failed"] == 1
    item = await reopened(fathom, failed)
    deliveries = [await fathom.deliver(body, account, told=False) for _ in range(3)]
    job = await fathom.sync(account, told=False)
    messages = [
        FetchRequested(job_id=failed, account_id=account, trigger="retry", item_ids=(item,)),
        FetchRequested(job_id=job, account_id=account, trigger="manual"),
        *(FetchRequested(trigger="webhook", inbox_id=inbox) for inbox in deliveries),
    ]
    await gathered(*(fathom.publish(message, account) for message in messages * 2))
    for inbox in deliveries:
        await state(fathom, inbox)
    await fathom.ended(job)
    for row in await fathom.stack.owner.fetch("SELECT id FROM sync_jobs WHERE account_id = $1", account):
        assert (await fathom.ended(row["id"]))["failed"] == 0
    assert len([call for call in await fathom.recordings(ada) if call["title"] == "Three ways"]) == 1
    statuses = "SELECT count(*) FROM sync_job_items WHERE account_id = $1 AND title = 'Three ways' AND status = 'imported'"
    assert await fathom.stack.owner.fetchval(statuses, account) == 1


async def test_junk_in_a_webhook_makes_no_job_and_stops_nothing(fathom: Source, world: World) -> None:
    _, account = await quiet(fathom, world)
    for junk in ({}, {"recording_id": None}, [1, 2], "text", None):
        await state(fathom, await fathom.deliver(junk, account))
    assert (await fathom.ended(await fathom.sync(account)))["status"] == "completed"


async def gone(fathom: Source, account: UUID) -> None:
    async def probe() -> bool:
        left = "SELECT count(*) FROM source_credentials WHERE account_id = $1"
        return await fathom.stack.owner.fetchval(left, account) == 0

    await eventually(probe, within=40)


async def test_a_provider_that_cannot_be_told_for_an_hour_is_left_and_the_card_says_so(
    fathom: Source, world: World
) -> None:
    _, account = await quiet(fathom, world)

    async def registered() -> bool:
        return (await fathom.account(account))["webhook_id"] is not None

    await eventually(registered)
    await world.fault(on="fathom.webhook_delete", times=None, answer={"status": 403, "body": {}})
    await fathom.disconnect(account)

    async def tried() -> bool:
        since = "SELECT closing_since FROM source_credentials WHERE account_id = $1"
        return bool(await fathom.stack.owner.fetchval(since, account))

    await eventually(tried)
    assert await fathom.stack.owner.fetchval(
        "SELECT count(*) FROM source_credentials WHERE account_id = $1", account
    )
    await fathom.stack.owner.execute(  # an hour and the pause between two tries are over
        "UPDATE source_credentials SET closing_since = now() - interval '61 minutes', close_at = now() "
        "WHERE account_id = $1", account,
    )  # fmt: skip
    await gone(fathom, account)
    row = await fathom.account(account)
    assert (row["status"], row["reason"], row["webhook_id"]) == ("disconnected", "provider_not_told", None)


async def test_todays_call_is_not_kept_waiting_by_a_backlog(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    account, job = await slow_sync(fathom, world, ada)
    pushed = await fathom.deliver(await body_of(world, "Today"), account)
    assert await state(fathom, pushed) == "resolved"
    live = await fathom.ended(await webhook_job(fathom, account))
    assert live["imported"] == 1
    assert (await fathom.stack.books(job))["open"] > 0
    await world.heal()
    await fathom.ended(job)


async def test_work_whose_message_got_lost_is_seen_to_all_the_same(fathom: Source, world: World) -> None:
    """The rows say what is to be done: a code, a webhook, a listing, a cancellation, a disconnection."""
    await world.heal()
    ada, owner = await fathom.stack.person(), fathom.stack.owner
    attempt = await fathom.attempt(ada, "api_key", {"api_key": "fathom-key-petra"}, told=False)
    account = UUID(str((await fathom.outcome(attempt))["account_id"]))
    await fathom.ended(await fathom.first_job(account))
    job = await fathom.sync(account, told=False)
    await owner.execute("UPDATE sync_jobs SET created_at = now() - interval '1 minute' WHERE id = $1", job)
    assert (await fathom.ended(job))["status"] == "completed"
    inbox = await fathom.deliver(await body_of(world, "Unheard"), account, told=False)
    await owner.execute(
        "UPDATE webhook_inbox SET received_at = now() - interval '1 minute' WHERE id = $1", inbox
    )
    assert await state(fathom, inbox) == "resolved"
    assert (await fathom.ended(await webhook_job(fathom, account)))["imported"] == 1
    await fathom.disconnect(account, told=False)
    await gone(fathom, account)


async def test_accounts_tell_how_they_stand_with_rising_versions(fathom: Source, world: World) -> None:
    _, account = await quiet(fathom, world)
    await fathom.disconnect(account)
    await gone(fathom, account)

    async def told() -> list[dict[str, Any]] | None:
        found = [json.loads(one.value) for one in await fathom.stack.messages("source.changed")]
        mine = [one for one in found if one["account_id"] == str(account)]
        return mine if mine and mine[-1]["status"] == "disconnected" else None

    messages = await eventually(told)
    assert [one["status"] for one in messages] == ["active", "disconnected"]
    assert messages[0]["version"] < messages[1]["version"]
