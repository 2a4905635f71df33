"""From consent to the library."""

from __future__ import annotations

import pytest
from tests.support.sources import Source, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_connection_by_oauth_begins_its_first_sync_by_itself(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world)
    job = await fathom.ended(await fathom.first_job(account))
    listed = (await world.look("meetings", source="fathom", host="maya"))["meetings"]
    assert job["status"] == "completed"
    assert job["imported"] == job["found"] >= len(listed) > 0
    calls = await fathom.recordings(ada)
    assert len(calls) == job["imported"]
    assert all(call["full_transcript"] and call["segments"] and call["duration"] for call in calls)
    row = await fathom.account(account)
    assert row["status"] == "active"
    assert row["synced_through"] is not None


async def test_an_api_key_connects_as_well(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    done = await fathom.outcome(await fathom.attempt(ada, "api_key", {"api_key": "fathom-key-maya"}))
    assert done["status"] == "done"
    job = await fathom.ended(await fathom.first_job(done["account_id"]))
    assert job["status"] == "completed"
    assert job["imported"] > 0


async def test_a_wrong_key_and_a_used_code_say_so(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    wrong = await fathom.outcome(await fathom.attempt(ada, "api_key", {"api_key": "not-a-key"}))
    assert (wrong["status"], wrong["reason"]) == ("failed", "credentials_refused")
    assert wrong["secret_sealed"] is None
    used = await fathom.outcome(await fathom.attempt(ada, "oauth2", {"code": "never-issued"}))
    assert (used["status"], used["reason"]) == ("failed", "credentials_refused")


async def test_rows_that_are_none_do_not_keep_anybody_from_connecting(fathom: Source, world: World) -> None:
    theirs = {"shared_with": "all_teams", "recorded_by": {"email": "tom@larkfield.example"}}
    mine = {"shared_with": "no_teams", "recorded_by": {"email": "maya@larkfield.example"}}
    odd = [{"shared_with": "no_teams", "recorded_by": one} for one in (None, "maya", {}, {"email": 7})]
    rows = [None, "row", 7, [], *odd, theirs, theirs, mine]
    await world.fault(on="fathom.meetings", times=1, answer={"status": 200, "body": {"items": rows}})
    account = await fathom.connect(await fathom.stack.person(), world)
    assert (await fathom.account(account))["email"] == "maya@larkfield.example"
    await fathom.ended(await fathom.first_job(account))


async def test_ten_syncs_over_an_unchanged_account_fetch_nothing_and_find_nothing_new(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world)
    first = await fathom.ended(await fathom.first_job(account))
    await world.forget_calls()
    for _ in range(10):
        job = await fathom.ended(await fathom.sync(account))
        assert (job["status"], job["found"]) == ("completed", 0)
    assert await world.calls("fathom.transcript") == 0
    assert await world.calls("fathom.meetings") >= 10
    assert len(await fathom.recordings(ada)) == first["imported"]


async def test_a_call_that_appears_is_found_by_the_next_sync(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "petra")
    await fathom.ended(await fathom.first_job(account))
    await world.admin("meetings", source="fathom", host="petra", title="Brand new", ended_minutes_ago=1)
    job = await fathom.ended(await fathom.sync(account))
    assert (job["found"], job["imported"]) == (1, 1)
    assert "Brand new" in [call["title"] for call in await fathom.recordings(ada)]


async def test_two_users_of_one_account_have_each_their_own_library(fathom: Source, world: World) -> None:
    ada, eve = await fathom.stack.person(), await fathom.stack.person()
    accounts = [await fathom.connect(person, world, "tom") for person in (ada, eve)]
    jobs = [await fathom.ended(await fathom.first_job(account)) for account in accounts]
    assert jobs[0]["imported"] == jobs[1]["imported"] > 0
    assert len(await fathom.recordings(ada)) == len(await fathom.recordings(eve)) == jobs[0]["imported"]


async def test_connecting_again_keeps_the_card_and_what_was_listed(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "ines")
    await fathom.ended(await fathom.first_job(account))
    assert await fathom.connect(ada, world, "ines") == account
    job = await fathom.ended(await fathom.first_job(account))
    assert (job["found"], job["status"]) == (0, "completed")


async def test_a_call_without_words_is_skipped_with_a_time_to_look_again(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    made = await world.admin(
        "meetings", source="fathom", host="petra", title="Not yet", ended_minutes_ago=1, transcript="pending"
    )
    account = await fathom.connect(ada, world, "petra")
    job_id = await fathom.first_job(account)
    job = await fathom.ended(job_id)
    item = await fathom.stack.owner.fetchrow(
        "SELECT * FROM sync_job_items WHERE job_id = $1 AND status = 'skipped'", job_id
    )
    assert (job["skipped"], job["status"]) == (1, "completed")
    assert item is not None
    assert (item["code"], item["title"]) == ("not_ready", "Not yet")
    assert item["revisit_at"] is not None
    again = await fathom.ended(await fathom.sync(account))
    assert again["found"] == 0

    await world.admin("meetings/change", meeting=str(made["meetings"][0]["id"]), transcript="ready")
    looking = await fathom.revisit(item["id"], account)
    assert (await fathom.ended(looking))["imported"] == 1
    assert "Not yet" in [call["title"] for call in await fathom.recordings(ada)]


async def test_a_row_that_cannot_be_read_is_told_and_never_passed_over(fathom: Source, world: World) -> None:
    ada = await fathom.stack.person()
    row = {"recording_id": "junk", "created_at": "2026-01-02T03:04:05Z"}
    await world.fault(on="fathom.meetings", after=1, times=1, answer={"status": 200, "body": {"items": [row]}})
    account = await fathom.connect(ada, world)
    job = await fathom.ended(await fathom.first_job(account))
    assert (job["status"], job["code"], job["found"]) == ("failed", "source_unreadable", 0)
    through = (await fathom.account(account))["synced_through"]
    assert through.isoformat() == "2026-01-02T03:04:05+00:00"
    job = await fathom.ended(await fathom.sync(account))
    assert (job["status"], job["code"]) == ("completed", None)
    assert job["imported"] > 0


async def test_a_listing_that_breaks_off_goes_on_at_its_page_and_remembers_what_it_could_not_read(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    row = {"recording_id": "junk", "created_at": "2026-01-02T03:04:05Z"}
    body = {"items": [row], "next_cursor": "eyJwYWdlX251bSI6IDJ9"}  # page 2
    await world.fault(on="fathom.meetings", after=1, times=1, answer={"status": 200, "body": body})
    await world.fault(on="fathom.meetings", after=1, times=4, answer="html.503")
    await world.forget_calls()
    account = await fathom.connect(ada, world)
    job = await fathom.ended(await fathom.first_job(account))
    assert (job["status"], job["code"]) == ("partial", "source_unreadable")
    assert (await fathom.account(account))["synced_through"].isoformat() == "2026-01-02T03:04:05+00:00"
    calls = (await world.look("calls", endpoint="fathom.meetings"))["calls"]
    assert [bool(call["query"].get("cursor")) for call in calls[:2]] == [False, False]
    assert all(call["query"].get("cursor") for call in calls[2:])
