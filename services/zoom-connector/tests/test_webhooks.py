"""What Zoom pushes: whose it is, in any order and as often as it likes. And consent that ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
from tests.support.eventually import eventually
from tests.support.sources import Source, World
from tests.support.stack import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def connected(zoom: Source, world: World, user: str = "petra") -> tuple[Person, UUID]:
    """A person and their account, after its first sync. Who connected the same Zoom user before hears nothing more."""
    await world.heal()
    await zoom.stack.owner.execute(
        "UPDATE import_sources SET match_keys = '{}' WHERE provider_account_id = $1",
        (await world.look("state"))["users"][user]["zoom_id"],
    )
    person = await zoom.stack.person()
    account = await zoom.connect(person, world, user)
    await zoom.ended(await zoom.first_job(account))
    await world.forget_calls()
    return person, account


async def added(world: World, title: str, **more: Any) -> dict[str, Any]:
    """A call that ended just now and is not in the list yet."""
    given = {"source": "zoom", "host": "petra", "title": title, "ended_minutes_ago": 1, "listed": False} | more
    return dict((await world.admin("meetings", **given))["meetings"][0])


def event(
    world: World, name: str, meeting: dict[str, Any], users: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """The body of an event about a meeting."""
    host = users[meeting["host"]]
    told = {
        "uuid": meeting["uuid"], "id": meeting["id"], "host_id": host["zoom_id"], "topic": meeting["title"],
        "start_time": meeting["started"], "recording_files": [{"download_url": "https://zoom.us/rec/x"}],
    }  # fmt: skip
    payload = {"account_id": host["zoom_account"], "object": told}
    return {"event": name, "event_ts": int(datetime.now(UTC).timestamp() * 1000), "payload": payload, **more}


async def told(
    zoom: Source, world: World, account: UUID, name: str, meeting: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Deliver an event; the job that it became for an account, once that has ended."""
    users = (await world.look("state"))["users"]
    inbox = await zoom.deliver(event(world, name, meeting, users, **more))
    job = uuid5(inbox, str(account))
    await eventually(lambda: zoom.stack.owner.fetchval("SELECT 1 FROM sync_jobs WHERE id = $1", job))
    return await zoom.ended(job)


async def state_of(zoom: Source, inbox: UUID) -> str:
    """What has become of a delivery that is not simply stored any more."""

    async def seen() -> str | None:
        state = await zoom.stack.owner.fetchval("SELECT state FROM webhook_inbox WHERE id = $1", inbox)
        return None if state == "stored" else str(state)

    return await eventually(seen)


async def titles(zoom: Source, person: Person) -> list[str]:
    return [one["title"] for one in await zoom.recordings(person)]


async def test_sound_is_announced_first_and_the_transcript_brings_the_call(zoom: Source, world: World) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Sound first", transcript="pending")
    first = await told(zoom, world, account, "recording.completed", made)
    assert (first["trigger"], first["skipped"], first["status"]) == ("webhook", 1, "completed")
    await world.admin("meetings/change", meeting=made["uuid"], transcript="ready")
    second = await told(zoom, world, account, "recording.transcript_completed", made)
    assert second["imported"] == 1
    assert "Sound first" in await titles(zoom, ada)


async def test_the_transcript_announced_before_the_recording_is_imported_once(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Wrong order")
    assert (await told(zoom, world, account, "recording.transcript_completed", made))["imported"] == 1
    assert (await told(zoom, world, account, "recording.completed", made))["duplicates"] == 1
    assert (await titles(zoom, ada)).count("Wrong order") == 1


async def test_an_event_for_each_file_and_each_again_is_one_call(zoom: Source, world: World) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Five times")
    users = (await world.look("state"))["users"]
    bodies = [event(world, "recording.completed", made, users, download_token=f"t{n}") for n in range(5)]
    jobs = [uuid5(await zoom.deliver(body), str(account)) for body in bodies]
    for job in jobs:
        await eventually(
            lambda job=job: zoom.stack.owner.fetchval("SELECT 1 FROM sync_jobs WHERE id = $1", job)
        )
    ended = [await zoom.ended(job) for job in jobs]
    assert sum(job["imported"] for job in ended) == 1
    assert sum(job["duplicates"] for job in ended) == 4
    assert (await titles(zoom, ada)).count("Five times") == 1


async def test_a_late_event_with_a_dead_download_token_is_fetched_with_a_fresh_one(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Days late")
    job = await told(zoom, world, account, "recording.completed", made, download_token="dead")
    assert job["imported"] == 1
    assert "Days late" in await titles(zoom, ada)
    assert (await world.look("calls", endpoint="zoom.download"))["statuses"] == {"zoom.download 302": 1}


async def test_a_call_trashed_before_it_was_fetched_is_waited_for_and_comes_when_it_is_recovered(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "In the bin")
    await world.admin("meetings/change", meeting=made["uuid"], trashed=True)
    assert (await told(zoom, world, account, "recording.completed", made))["skipped"] == 1
    await world.admin("meetings/change", meeting=made["uuid"], trashed=False)
    assert (await told(zoom, world, account, "recording.recovered", made))["imported"] == 1
    assert "In the bin" in await titles(zoom, ada)


@pytest.mark.parametrize("name", ["trashed", "deleted", "batch_trashed", "batch_deleted", "renamed"])
async def test_what_is_deleted_at_zoom_stays_in_the_library_and_makes_no_job(
    zoom: Source, world: World, name: str
) -> None:
    ada, account = await connected(zoom, world)
    before = await titles(zoom, ada)
    jobs = await zoom.stack.owner.fetchval("SELECT count(*) FROM sync_jobs WHERE account_id = $1", account)
    meeting = (await world.look("meetings", source="zoom", host="petra"))["meetings"][0]
    body = event(world, f"recording.{name}", meeting, (await world.look("state"))["users"])
    if name.startswith("batch"):
        body = batch(body, meeting)
    assert await state_of(zoom, await zoom.deliver(body)) == "resolved"
    assert await titles(zoom, ada) == before
    query = "SELECT count(*) FROM sync_jobs WHERE account_id = $1"
    assert await zoom.stack.owner.fetchval(query, account) == jobs


def batch(body: dict[str, Any], *meetings: dict[str, Any]) -> dict[str, Any]:
    """Events of several meetings name the account and who did it, and no host."""
    rows = [{"meeting_uuid": one["uuid"], "recording_file_ids": []} for one in meetings]
    account = body["payload"]["account_id"]
    payload = {"account_id": account, "operator": "Petra@Quillworks.example", "object": {"meetings": rows}}
    return body | {"payload": payload}


async def test_several_calls_recovered_at_once_are_one_job_with_their_real_titles(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = [await added(world, f"Recovered {number}") for number in range(3)]
    body = event(world, "recording.batch_recovered", made[0], (await world.look("state"))["users"])
    inbox = await zoom.deliver(batch(body, *made))
    job = uuid5(inbox, str(account))
    await eventually(lambda: zoom.stack.owner.fetchval("SELECT 1 FROM sync_jobs WHERE id = $1", job))
    assert (await zoom.ended(job))["imported"] == 3
    assert {f"Recovered {number}" for number in range(3)} <= set(await titles(zoom, ada))


async def test_of_two_users_of_one_zoom_account_each_gets_the_calls_that_they_host(
    zoom: Source, world: World
) -> None:
    ada, maya = await connected(zoom, world, "maya")
    eve, tom = await connected(zoom, world, "tom")
    mine = await added(world, "Maya's own", host="maya")
    his = await added(world, "Tom's own", host="tom")
    assert (await told(zoom, world, maya, "recording.completed", mine))["imported"] == 1
    assert (await told(zoom, world, tom, "recording.completed", his))["imported"] == 1
    assert ("Maya's own" in await titles(zoom, ada), "Tom's own" in await titles(zoom, ada)) == (True, False)
    assert ("Maya's own" in await titles(zoom, eve), "Tom's own" in await titles(zoom, eve)) == (False, True)


async def test_events_of_strangers_and_junk_are_counted_and_erased(zoom: Source, world: World) -> None:
    users = (await world.look("state"))["users"]
    made = await added(world, "Nobody's", host="ines")
    strange = event(world, "recording.completed", made, users)
    strange["payload"]["account_id"] = "somebody-elses"
    for body in (
        strange,
        {"event": "recording.completed"},
        {"payload": []},
        {"event": "new.event", "payload": {}},
        [],
    ):
        inbox = await zoom.deliver(body)
        assert await state_of(zoom, inbox) == "unknown"
        assert await zoom.stack.owner.fetchval("SELECT body FROM webhook_inbox WHERE id = $1", inbox) is None


async def test_what_is_pushed_while_paused_is_held_and_fetched_by_the_accounts_own_token(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "While paused")
    await zoom.pause(account)
    body = event(
        world, "recording.completed", made, (await world.look("state"))["users"], download_token="dead"
    )
    inbox = await zoom.deliver(body)
    assert await state_of(zoom, inbox) == "held"
    await zoom.pause(account, paused=False)
    from pipeline_contracts import FetchRequested

    await zoom.publish(FetchRequested(trigger="webhook", inbox_id=inbox, account_id=account), account)
    assert (await wait_for(zoom, uuid5(inbox, str(account))))["imported"] == 1
    assert "While paused" in await titles(zoom, ada)


async def wait_for(zoom: Source, job: UUID) -> dict[str, Any]:
    await eventually(lambda: zoom.stack.owner.fetchval("SELECT 1 FROM sync_jobs WHERE id = $1", job))
    return await zoom.ended(job)


async def test_tokens_rotate_at_every_refresh_and_each_is_spent_once(zoom: Source, world: World) -> None:
    _, account = await connected(zoom, world, "ines")
    for number in range(1, 4):
        await world.admin("tokens/expire", provider="zoom", user="ines", kind="access")
        assert (await zoom.ended(await zoom.sync(account)))["status"] == "completed"
        query = "SELECT number FROM source_credentials WHERE account_id = $1"
        assert await zoom.stack.owner.fetchval(query, account) == number + 1
    assert await world.calls("zoom.token") == 3


async def test_a_new_authorisation_kills_the_older_connection_which_then_asks_for_a_reconnection(
    zoom: Source, world: World
) -> None:
    _, older = await connected(zoom, world, "ines")
    _, newer = await connected(zoom, world, "ines")
    job = await zoom.ended(await zoom.sync(older), within=90)
    assert (job["status"], job["code"]) == ("failed", "reconnect_needed")
    assert (await zoom.becomes(older, "error"))["reason"] == "reconnect_needed"
    assert (await zoom.ended(await zoom.sync(newer)))["status"] == "completed"


async def test_a_disconnection_gives_the_consent_back_and_wipes_the_secret(zoom: Source, world: World) -> None:
    ada, account = await connected(zoom, world, "petra")
    count = len(await zoom.recordings(ada))
    await zoom.disconnect(account)
    await wiped(zoom, account)
    assert await world.calls("zoom.revoke") == 1
    assert len(await zoom.recordings(ada)) == count


async def wiped(zoom: Source, account: UUID) -> None:
    async def probe() -> bool:
        query = "SELECT count(*) FROM source_credentials WHERE account_id = $1"
        return await zoom.stack.owner.fetchval(query, account) == 0

    await eventually(probe, within=30)


async def test_a_user_who_removes_the_app_at_zoom_is_disconnected_here_and_keeps_the_calls(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world, "petra")
    count = len(await zoom.recordings(ada))
    user = (await world.look("state"))["users"]["petra"]
    await world.admin("zoom/deauthorize", user="petra", webhook=False)
    payload = {"account_id": user["zoom_account"], "user_id": user["zoom_id"], "client_id": "sandbox-client"}
    await zoom.deliver({"event": "app_deauthorized", "event_ts": 1, "payload": payload})
    row = await zoom.becomes(account, "disconnected")
    assert (row["reason"], row["is_active"]) == ("consent_withdrawn", False)
    await wiped(zoom, account)
    assert len(await zoom.recordings(ada)) == count > 0
    changed = [json.loads(one.value) for one in await zoom.stack.messages("source.changed")]
    assert "disconnected" in [one["status"] for one in changed if one["account_id"] == str(account)]
    assert await zoom.connect(ada, world, "petra") == account
    assert (await zoom.ended(await zoom.first_job(account)))["status"] == "completed"


async def test_the_books_of_every_job_balance(zoom: Source) -> None:
    jobs = await zoom.stack.owner.fetch("SELECT id FROM sync_jobs")
    assert jobs
    for job in jobs:
        await zoom.stack.books(job["id"])
