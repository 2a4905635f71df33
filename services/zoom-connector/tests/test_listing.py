"""What Zoom lists, and how."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.support.sources import Source, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def connected(
    zoom: Source, world: World, user: str = "petra", plan: str = "unlimited"
) -> tuple[Any, Any]:
    """A person and their account, after its first sync."""
    await world.heal()
    person = await zoom.stack.person(plan)
    account = await zoom.connect(person, world, user)
    await zoom.ended(await zoom.first_job(account))
    return person, account


async def windows(world: World) -> list[tuple[date, date]]:
    """What was asked of the list, one entry for each window."""
    calls = (await world.look("calls", endpoint="zoom.list"))["calls"]
    asked = [(call["query"]["from"], call["query"]["to"]) for call in calls]
    return [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in dict.fromkeys(asked)]


async def test_a_connection_by_oauth_begins_its_first_sync_by_itself(zoom: Source, world: World) -> None:
    ada = await zoom.stack.person()
    account = await zoom.connect(ada, world)
    job = await zoom.ended(await zoom.first_job(account))
    listed = (await world.look("meetings", source="zoom", host="maya"))["meetings"]
    assert (job["status"], job["found"], job["imported"]) == ("completed", len(listed), len(listed))
    calls = await zoom.recordings(ada)
    assert {call["external_id"] for call in calls} == {meeting["uuid"] for meeting in listed}
    assert {call["title"] for call in calls} == {meeting["title"] for meeting in listed}
    assert all(call["full_transcript"] and call["segments"] and call["duration"] for call in calls)
    row = await zoom.account(account)
    assert (row["status"], row["email"]) == ("active", "maya@larkfield.example")
    assert row["synced_through"] is not None
    assert row["webhook_note"] == "app_wide"


async def test_windows_are_at_most_a_month_and_overlap_by_a_day_back_to_when_the_user_joined(
    zoom: Source, world: World
) -> None:
    await world.forget_calls()
    await connected(zoom, world)
    asked = await windows(world)
    assert asked[0][1] > datetime.now(UTC).date()
    assert all(last - first <= timedelta(days=28) for first, last in asked)
    assert all(later[0] < earlier[1] for earlier, later in zip(asked[1:], asked, strict=False))
    assert asked[-1][0] <= datetime.now(UTC).date() - timedelta(days=399)


async def test_a_window_that_zoom_cuts_in_silence_is_gone_on_with_where_it_was_cut(
    zoom: Source, world: World
) -> None:
    _, account = await connected(zoom, world)
    await world.forget_calls()
    today = datetime.now(UTC).date()
    cut = {"from": str(today - timedelta(days=7)), "meetings": [], "next_page_token": ""}
    await world.fault(on="zoom.list", times=1, answer={"status": 200, "body": cut})
    start = datetime.now(UTC) - timedelta(days=25)
    await zoom.ended(await zoom.sync(account, request={"window_from": start.isoformat()}))
    assert [last for _, last in await windows(world)] == [
        today + timedelta(days=2),
        today - timedelta(days=6),
    ]


@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_a_date_range_takes_the_calls_of_its_utc_days_whether_or_not_the_last_day_counts(
    zoom: Source, world: World, to_inclusive: bool
) -> None:
    ada, account = await connected(zoom, world)
    day = datetime(2026, 3, 1 if to_inclusive else 20, tzinfo=UTC)
    end = day + timedelta(days=1, seconds=-1)
    await world.admin("settings", zoom={"to_inclusive": to_inclusive})
    for name, at in {
        "before": day - timedelta(seconds=1), "first": day, "last": end, "after": end + timedelta(seconds=1),
    }.items():  # fmt: skip
        await world.admin(
            "meetings", source="zoom", host="petra", title=f"{name} {day:%d}", started=at.isoformat(),
            timezone="America/Los_Angeles",
        )  # fmt: skip
    request = {"window_from": day.isoformat(), "window_to": end.isoformat()}
    job = await zoom.ended(await zoom.sync(account, request=request))
    await world.admin("settings", zoom={"to_inclusive": True})
    assert job["imported"] == 2
    titles = {call["title"] for call in await zoom.recordings(ada)}
    assert {f"first {day:%d}", f"last {day:%d}"} <= titles
    assert not {f"before {day:%d}", f"after {day:%d}"} & titles


async def test_a_page_token_that_has_died_begins_the_window_again_and_nothing_counts_twice(
    zoom: Source, world: World
) -> None:
    copies = 320
    await world.admin("meetings", source="zoom", host="ines", title="Many", copies=copies, ended_minutes_ago=60)
    await world.forget_calls()
    await world.fault(on="zoom.list", after=1, times=1, admin=[{"path": "clock", "body": {"advance": 901}}])
    ada = await zoom.stack.person("free")
    account = await zoom.connect(ada, world, "ines")
    job = await zoom.ended(await zoom.first_job(account))
    await world.admin("clock", reset=True)
    own = len((await world.look("meetings", source="zoom", host="ines"))["meetings"])
    assert own > copies
    assert (job["found"], job["imported"], job["failed"]) == (own, 10, own - 10)  # a free month holds ten
    refused = [
        one for one in (await world.look("calls", endpoint="zoom.list"))["calls"] if one["status"] == 400
    ]
    assert len(refused) == 1
    assert (await zoom.account(account))["synced_through"] is not None


async def test_a_token_that_expires_in_mid_page_is_renewed_once_and_the_listing_goes_on_where_it_was(
    zoom: Source, world: World
) -> None:
    await world.heal()
    copies = 320
    await world.admin("meetings", source="zoom", host="tom", title="Many", copies=copies, ended_minutes_ago=60)
    own = len((await world.look("meetings", source="zoom", host="tom"))["meetings"])
    await world.forget_calls()
    expiry = {"path": "tokens/expire", "body": {"provider": "zoom", "user": "tom", "kind": "access"}}
    await world.fault(on="zoom.list", after=1, times=1, admin=[expiry])
    account = await zoom.connect(await zoom.stack.person("free"), world, "tom")
    job = await zoom.ended(await zoom.first_job(account))

    listed = (await world.look("calls", endpoint="zoom.list"))["calls"]
    (refused,) = [place for place, call in enumerate(listed) if call["status"] == 401]
    token = listed[refused]["query"]["next_page_token"]
    assert token
    assert listed[refused + 1]["query"]["next_page_token"] == token
    assert (job["found"], job["status"]) == (own, "partial")  # a free month holds ten
    assert (await world.look("calls", endpoint="zoom.token"))["notes"]["zoom.token refresh_token"] == 1


@pytest.mark.parametrize("status", [400, 403])
async def test_a_missing_permission_asks_for_a_reconnection_in_plain_words(
    zoom: Source, world: World, status: int
) -> None:
    await world.admin("settings", zoom={"scopes": ["user:read:user"], "scope_status": status})
    ada = await zoom.stack.person()
    account = await zoom.connect(ada, world, "petra")
    job = await zoom.ended(await zoom.first_job(account))
    assert (job["status"], job["code"]) == ("failed", "reconnect_needed")
    assert "permission" in job["message"]
    assert "4711" not in job["message"]
    assert (await zoom.becomes(account, "error"))["reason"] == "reconnect_needed"
    scopes = ["user:read:user", "cloud_recording:read:list_user_recordings"]
    await world.admin("settings", zoom={"scopes": [*scopes, "cloud_recording:read:list_recording_files"]})
    assert await zoom.connect(ada, world, "petra") == account
    assert (await zoom.ended(await zoom.first_job(account)))["imported"] > 0


async def test_ten_syncs_over_an_unchanged_account_open_no_meeting_and_find_nothing_new(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    count = len(await zoom.recordings(ada))
    await world.forget_calls()
    for _ in range(10):
        job = await zoom.ended(await zoom.sync(account))
        assert (job["status"], job["found"]) == ("completed", 0)
    assert [await world.calls(f"zoom.{name}") for name in ("meeting", "download", "storage")] == [0, 0, 0]
    assert len(await zoom.recordings(ada)) == count


async def test_a_call_that_no_webhook_told_of_is_found_by_the_next_sync(zoom: Source, world: World) -> None:
    ada, account = await connected(zoom, world)
    await world.admin("meetings", source="zoom", host="petra", title="Never announced", ended_minutes_ago=1)
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    assert "Never announced" in [call["title"] for call in await zoom.recordings(ada)]


async def test_a_row_that_cannot_be_read_is_told_and_never_passed_over(zoom: Source, world: World) -> None:
    await world.heal()
    ada = await zoom.stack.person()
    rows = [{"topic": "No id", "start_time": "2026-10-02T03:04:05Z"}, {"topic": "Nor a time"}, None]
    today = str(datetime.now(UTC).date() - timedelta(days=28))
    body = {"from": today, "meetings": rows[:1], "next_page_token": ""}
    await world.fault(on="zoom.list", times=1, answer={"status": 200, "body": body})
    account = await zoom.connect(ada, world, "petra")
    job = await zoom.ended(await zoom.first_job(account))
    assert job["code"] == "source_unreadable"
    assert (await zoom.account(account))["synced_through"] == datetime(2026, 10, 2, 3, 4, 5, tzinfo=UTC)
    await world.fault(on="zoom.list", times=1, answer={"status": 200, "body": body | {"meetings": rows}})
    assert (await zoom.ended(await zoom.sync(account)))["code"] == "source_unreadable"
    assert (await zoom.ended(await zoom.sync(account)))["code"] is None


async def test_a_limit_of_calls_a_second_only_slows_the_listing_down(zoom: Source, world: World) -> None:
    """Zoom's answer has no Retry-After, but says when its second is over."""
    _, account = await connected(zoom, world)
    await world.admin("settings", zoom={"limits": True, "plan": "free"})
    await world.forget_calls()
    since = datetime.now(UTC) - timedelta(days=200)
    job = await zoom.ended(await zoom.sync(account, request={"window_from": since.isoformat()}), within=60)
    await world.admin("settings", zoom={"limits": False})
    assert (job["status"], job["failed"]) == ("completed", 0)
    assert (await world.look("calls", endpoint="zoom.*"))["statuses"].get("zoom.list 429")


async def blocked_for(zoom: Source, account: Any) -> float:
    """Seconds until the list may be asked again."""
    return float(
        await zoom.stack.owner.fetchval(
            "SELECT greatest(extract(epoch FROM max(blocked_until) - now()), 0) FROM provider_budgets "
            "WHERE scope = (SELECT 'workspace ' || workspace FROM import_sources WHERE id = $1) "
            "AND bucket = 'medium'", account,
        )
    )  # fmt: skip


@pytest.mark.parametrize("headers", ["full", "none"])
async def test_the_days_limit_used_up_by_another_application_is_waited_for_and_nothing_fails(
    zoom: Source, world: World, headers: str
) -> None:
    """Its Retry-After is an ISO date, the next midnight; sometimes there is none."""
    from tests.support.eventually import eventually

    _, account = await connected(zoom, world)
    state = (await world.look("state"))["users"]["petra"]
    await world.admin("settings", zoom={"limits": True, "daily_limit": 1000, "limit_headers": headers})
    await world.admin("limits", key=f"zoom/{state['zoom_account']}/medium/day", calls=1000)
    job = await zoom.sync(account)

    async def is_blocked() -> float | None:
        return await blocked_for(zoom, account) or None

    wait = await eventually(is_blocked, within=20)
    now = datetime.now(UTC)
    midnight = (
        now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now
    ).total_seconds()
    assert wait == pytest.approx(midnight if headers == "full" else 30, abs=8)
    await world.admin("settings", zoom={"limits": False, "daily_limit": None, "limit_headers": "full"})
    row = await zoom.stack.owner.fetchrow("SELECT ended_at, code FROM sync_jobs WHERE id = $1", job)
    assert row is not None
    assert (row["ended_at"], row["code"]) == (None, None)
    await zoom.cancel(job)
    assert (await zoom.ended(job))["status"] == "cancelled"
    await zoom.stack.owner.execute("DELETE FROM provider_budgets")  # all of that Zoom account are kept waiting
