"""What Fathom may do, and what becomes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from tests.support.eventually import eventually
from tests.support.sources import Source, World

from .conftest import body_of, new_call, quiet, state, webhook_job

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERYTHING = {"window_from": "2020-01-01T00:00:00+00:00"}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def anew(world: World) -> None:
    """Each test begins with Fathom as it was."""
    await world.admin("reset")
    await world.admin("settings", fathom={"limits": False})


async def listed(world: World) -> set[str]:
    """Which calls Fathom shows to Petra."""
    calls = (await world.look("meetings", source="fathom", host="petra"))["meetings"]
    return {str(call["id"]) for call in calls if call["listed"] and not call["deleted"]}


async def library(fathom: Source, person: Any) -> list[str]:
    """Fathom's ids of what the person has."""
    return [json.loads(one["source_metadata"])["external_id"] for one in await fathom.recordings(person)]


async def recording(fathom: Source, person: Any, title: str) -> dict[str, Any]:
    """The one of that title."""
    [found] = [one for one in await fathom.recordings(person) if one["title"] == title]
    return found | {"source_metadata": json.loads(found["source_metadata"])}


async def item_of(fathom: Source, job: UUID, title: str) -> dict[str, Any]:
    """What became of a call in a job."""
    row = await fathom.stack.owner.fetchrow(
        "SELECT * FROM sync_job_items WHERE job_id = $1 AND title = $2", job, title
    )
    return dict(row or {})


async def blocked(fathom: Source, account: UUID) -> list[str]:
    """The buckets of which Fathom has said that they are empty."""
    rows = await fathom.stack.owner.fetch(
        "SELECT bucket FROM provider_budgets WHERE scope = $1 AND blocked_until IS NOT NULL", str(account)
    )
    return [row["bucket"] for row in rows]


async def test_a_call_that_comes_in_mid_crawl_shifts_the_pages_and_every_call_is_there_once(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    await new_call(world, "One of many", copies=25)
    there = await listed(world)
    new = {"source": "fathom", "host": "petra", "title": "Came in mid-crawl"}
    await world.fault(on="fathom.meetings", after=2, times=1, admin=[{"path": "meetings", "body": new}])
    account = await fathom.connect(ada, world, "petra")  # the first request asks who we are
    job = await fathom.ended(await fathom.first_job(account))
    assert (job["status"], job["found"], job["imported"]) == ("completed", len(there), len(there))
    assert sorted(await library(fathom, ada)) == sorted(there)
    job = await fathom.ended(await fathom.sync(account))
    assert (job["found"], job["imported"]) == (1, 1)
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))


async def test_an_empty_heavy_bucket_holds_up_transcripts_and_no_listing(fathom: Source, world: World) -> None:
    _, account = await quiet(fathom, world)
    await world.admin("settings", fathom={"limits": True})
    await world.admin("limits", key="fathom/petra/heavy", calls=30)  # by somebody else
    await new_call(world, "Later")
    held = await fathom.sync(account)

    async def put_off() -> bool:
        later = "SELECT count(*) FROM tasks WHERE job_id = $1 AND not_before > now() + interval '30 seconds'"
        return bool(await fathom.stack.owner.fetchval(later, held))

    await eventually(put_off)
    assert await blocked(fathom, account) == ["heavy"]
    assert (await fathom.ended(await fathom.sync(account), within=10))["found"] == 0
    await world.admin("limits/clear")
    owner = fathom.stack.owner  # the minute is over
    await owner.execute("UPDATE provider_budgets SET blocked_until = now() WHERE scope = $1", str(account))
    await owner.execute("UPDATE tasks SET not_before = now() WHERE job_id = $1", held)
    await owner.execute("SELECT pg_notify('callvault_tasks', 'fetch:fathom')")
    assert (await fathom.ended(held))["imported"] == 1


async def test_a_heavy_bucket_that_falls_from_30_to_5_in_mid_sync_is_waited_out_until_its_reset(
    fathom: Source, world: World
) -> None:
    """The window is of two seconds. Whoever did not read when it ends would wait for half a minute."""
    ada, account = await quiet(fathom, world)
    await new_call(world, "One of many", copies=18)
    await world.admin("settings", fathom={"limits": True, "window_seconds": 2})
    fall = {"path": "settings", "body": {"fathom": {"limit_heavy": 5}}}
    await world.fault(on="fathom.transcript", after=8, times=1, admin=[fall])
    await world.forget_calls()
    job = await fathom.ended(await fathom.sync(account), within=25)
    assert (job["status"], job["imported"]) == ("completed", 18)
    statuses = (await world.look("calls", endpoint="fathom.transcript"))["statuses"]
    assert statuses["fathom.transcript 200"] == 18
    assert 0 < statuses["fathom.transcript 429"] <= 18
    assert await blocked(fathom, account) == ["heavy"]
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))


@pytest.mark.parametrize("answer", ["404", "empty", "null"])
async def test_a_transcript_that_is_not_ready_is_skipped_and_imported_once_it_is(
    fathom: Source, world: World, answer: str
) -> None:
    await world.admin("settings", fathom={"not_ready": answer})
    call = await new_call(world, "Not yet", transcript="pending")
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "petra")
    job = await fathom.first_job(account)
    assert (await fathom.ended(job))["skipped"] == 1
    item = await item_of(fathom, job, "Not yet")
    assert (item["status"], item["code"]) == ("skipped", "not_ready")
    assert item["revisit_at"] > datetime.now(UTC)
    await world.admin("meetings/change", meeting=call, transcript="ready")
    assert (await fathom.ended(await fathom.revisit(item["id"], account)))["imported"] == 1
    assert (await recording(fathom, ada, "Not yet"))["segments"]


async def test_a_webhook_that_is_quicker_than_the_list_imports_and_the_list_adds_nothing(
    fathom: Source, world: World
) -> None:
    ada, account = await quiet(fathom, world)
    body = await body_of(world, "Pushed", listed=False)
    assert await state(fathom, await fathom.deliver(body, account)) == "resolved"
    assert (await fathom.ended(await webhook_job(fathom, account)))["imported"] == 1
    await world.admin("meetings/change", meeting=body["recording_id"], listed=True)
    assert (await fathom.ended(await fathom.sync(account)))["found"] == 0
    assert (await fathom.ended(await fathom.sync(account, request=EVERYTHING)))["found"] == 0
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))


async def test_a_list_that_is_quicker_than_the_webhook_imports_and_the_webhook_adds_nothing(
    fathom: Source, world: World
) -> None:
    ada, account = await quiet(fathom, world)
    body = await body_of(world, "Listed")
    assert (await fathom.ended(await fathom.sync(account)))["imported"] == 1
    assert await state(fathom, await fathom.deliver(body, account)) == "resolved"
    job = await fathom.ended(await webhook_job(fathom, account))
    assert (job["found"], job["duplicates"], job["imported"]) == (1, 1, 0)
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))


async def test_a_value_and_a_field_that_nobody_has_heard_of_keep_no_call_out(
    fathom: Source, world: World
) -> None:
    await world.admin("settings", fathom={"unknown_enum": True, "extra_field": True})
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "petra")
    assert (await fathom.ended(await fathom.first_job(account)))["status"] == "completed"
    assert (await fathom.account(account))["email"] == "petra@quillworks.example"
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))


async def test_a_call_that_nobody_planned_has_the_time_of_its_recording_and_not_the_invented_one(
    fathom: Source, world: World
) -> None:
    begun = (datetime.now(UTC) - timedelta(days=1)).replace(minute=7, second=0, microsecond=0)
    await new_call(world, "Out of the blue", impromptu=True, started=begun.isoformat())
    ada, _ = await quiet(fathom, world)
    assert (await recording(fathom, ada, "Out of the blue"))["recording_start_time"] == begun


async def test_an_unknown_language_is_told_as_none(fathom: Source, world: World) -> None:
    await new_call(world, "In Portuguese", language="pt")
    await new_call(world, "In whatever", language="unknown")
    ada, _ = await quiet(fathom, world)
    assert (await recording(fathom, ada, "In Portuguese"))["source_metadata"]["language"] == "pt"
    assert (await recording(fathom, ada, "In whatever"))["source_metadata"]["language"] is None


async def test_a_call_that_was_deleted_at_fathom_vanishes_from_the_list_and_stays_in_the_library(
    fathom: Source, world: World
) -> None:
    call = await new_call(world, "Deleted there")
    ada, account = await quiet(fathom, world)
    before = sorted(await library(fathom, ada))
    await world.admin("meetings/delete", meeting=call)
    assert sorted({*await listed(world), call}) == before != sorted(await listed(world))
    for request in (None, EVERYTHING):
        job = await fathom.ended(await fathom.sync(account, request=request))
        assert (job["status"], job["found"]) == ("completed", 0)
    assert sorted(await library(fathom, ada)) == before
    assert (await recording(fathom, ada, "Deleted there"))["full_transcript"]


async def test_a_call_that_is_deleted_before_it_is_fetched_is_looked_for_until_a_day_after_it_ended(
    fathom: Source, world: World
) -> None:
    """Fathom says 404 to both: words that are still being made, and a call that it no longer has."""
    calls = [await new_call(world, "Old", ended_minutes_ago=3 * 24 * 60), await new_call(world, "New")]
    gone = [{"path": "meetings/delete", "body": {"meeting": call}, "when": "after"} for call in calls]
    await world.fault(on="fathom.meetings", after=1, admin=gone)  # the first request asks who we are
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "petra")
    job = await fathom.first_job(account)
    assert (await fathom.ended(job))["skipped"] == 2
    old, new = await item_of(fathom, job, "Old"), await item_of(fathom, job, "New")
    assert (old["status"], old["code"], old["revisit_at"]) == ("skipped", "deleted", None)
    assert (new["status"], new["code"]) == ("skipped", "not_ready")
    await fathom.stack.owner.execute(  # a day later
        "UPDATE sync_job_items SET ticket = jsonb_set(ticket, '{source_item,payload,ended_at}', $2) WHERE id = $1",
        new["id"], json.dumps((datetime.now(UTC) - timedelta(hours=25)).isoformat()),
    )  # fmt: skip
    looking = await fathom.revisit(new["id"], account)
    assert (await fathom.ended(looking))["skipped"] == 1
    assert (await item_of(fathom, looking, "New"))["code"] == "deleted"
    assert sorted(await library(fathom, ada)) == sorted(await listed(world))
