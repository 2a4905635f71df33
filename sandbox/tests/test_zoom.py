"""Zoom's behaviours, one after the other."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest

from .conftest import World

LIST = "/zoom/v2/users/me/recordings"


@pytest.fixture
def maya(world: World) -> dict[str, str]:
    return world.bearer("zoom")


def listed(world: World, headers: dict[str, str], days: int = 29, **query: Any) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    dates = {"from": str(today - timedelta(days=days)), "to": str(today)}
    answer = world.get(LIST, headers=headers, params={**dates, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def everything(world: World, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Four windows of a month."""
    today, found = datetime.now(UTC).date(), []
    for step in range(4):
        last = today - timedelta(days=28 * step)
        query = {"from": str(last - timedelta(days=27)), "to": str(last), "page_size": "300"}
        found += world.get(LIST, headers=headers, params=query).json()["meetings"]
    return found


def opened(
    world: World, headers: dict[str, str], uuid: str, what: str = "recordings", **query: Any
) -> httpx.Response:
    return world.get(
        f"/zoom/v2/meetings/{quote(quote(uuid, safe=''), safe='')}/{what}", headers=headers, params=query
    )


def of_type(meeting: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [row for row in meeting["recording_files"] if row["file_type"] == kind]


def test_1_without_dates_only_today_is_listed(world: World, maya: dict[str, str]) -> None:
    answer = world.get(LIST, headers=maya).json()
    today = str(datetime.now(UTC).date())
    assert (answer["from"], answer["to"], answer["meetings"]) == (today, today, [])
    made = world.admin("meetings", source="zoom", started=datetime.now(UTC).isoformat())["meetings"][0]
    assert [row["uuid"] for row in world.get(LIST, headers=maya).json()["meetings"]] == [made["uuid"]]


def test_1_a_window_over_a_month_is_cut_without_a_word(world: World, maya: dict[str, str]) -> None:
    answer = world.get(LIST, headers=maya, params={"from": "2026-01-01", "to": "2026-07-31"}).json()
    assert (answer["from"], answer["to"]) == ("2026-06-30", "2026-07-31")
    assert len(everything(world, maya)) > len(listed(world, maya, days=90)["meetings"])
    assert world.get(LIST, headers=maya, params={"from": "yesterday"}).json()["code"] == 300


@pytest.mark.parametrize(
    ("zone", "hour", "local"), [("America/Los_Angeles", "00:30", -1), ("Asia/Tokyo", "20:00", 1)]
)
def test_1_days_are_utc_whatever_the_hosts_timezone(
    world: World, maya: dict[str, str], zone: str, hour: str, local: int
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=5)
    started = datetime.fromisoformat(f"{day}T{hour}:00+00:00")
    assert started.astimezone(ZoneInfo(zone)).date() - day == timedelta(days=local)
    made = world.admin("meetings", source="zoom", started=started.isoformat(), timezone=zone)["meetings"][0]
    for step in (-1, 0, 1):
        asked = str(day + timedelta(days=step))
        rows = world.get(LIST, headers=maya, params={"from": asked, "to": asked}).json()["meetings"]
        found = [(row["start_time"], row["timezone"]) for row in rows if row["uuid"] == made["uuid"]]
        assert found == ([(f"{day}T{hour}:00Z", zone)] if step == 0 else [])


def test_2_page_tokens_lead_to_the_end_and_expire(world: World, maya: dict[str, str]) -> None:
    first = listed(world, maya, page_size=2)
    assert (first["page_size"], len(first["meetings"])) == (2, 2)
    found, token = list(first["meetings"]), first["next_page_token"]
    while token:
        page = listed(world, maya, page_size=2, next_page_token=token)
        found, token = found + page["meetings"], page["next_page_token"]
    assert token == ""
    assert len({row["uuid"] for row in found}) == len(found) == first["total_records"]
    world.admin("settings", zoom={"access_seconds": 7200})
    late = world.bearer("zoom")
    token = listed(world, late, page_size=2)["next_page_token"]
    world.admin("clock", advance=901)
    query = {"page_size": 2, "next_page_token": token}
    answer = world.get(LIST, headers=late, params={**query, "from": first["from"], "to": first["to"]})
    assert (answer.status_code, answer.json()["code"]) == (400, 300)


def test_2_a_page_size_over_300_is_cut_or_refused(world: World, maya: dict[str, str]) -> None:
    assert listed(world, maya, page_size=500)["page_size"] == 300
    world.admin("settings", zoom={"page_size_over": "refuse"})
    answer = world.get(LIST, headers=maya, params={"page_size": 301}).json()
    assert (answer["code"], answer["errors"][0]["field"]) == (300, "page_size")


def test_3_uuids_of_every_shape_need_the_right_encoding(world: World, maya: dict[str, str]) -> None:
    rows = everything(world, maya)
    uuids = [row["uuid"] for row in rows]
    assert any(each.startswith("/") for each in uuids)
    assert any("//" in each[1:] for each in uuids)
    assert any("+" in each for each in uuids)
    assert all(each.endswith("=") for each in uuids)
    for uuid in uuids:
        twice_needed = uuid.startswith("/") or "//" in uuid
        once = world.get(f"/zoom/v2/meetings/{quote(uuid, safe='')}/recordings", headers=maya)
        assert once.status_code == (404 if twice_needed else 200), uuid
        if twice_needed:
            assert once.json()["code"] == 3001
            assert once.json()["message"] == f"Meeting does not exist: {uuid.replace('//', '/').lstrip('/')}."
        assert opened(world, maya, uuid).json()["uuid"] == uuid


def test_3_a_number_answers_for_the_latest_of_a_series(world: World, maya: dict[str, str]) -> None:
    rows = everything(world, maya)
    series = [row for row in rows if [each["id"] for each in rows].count(row["id"]) > 1]
    assert len(series) == 2
    latest = max(series, key=lambda row: row["start_time"])
    assert (
        world.get(f"/zoom/v2/meetings/{latest['id']}/recordings", headers=maya).json()["uuid"] == latest["uuid"]
    )


def test_4_a_meeting_in_processing_has_an_empty_row_and_no_files(world: World, maya: dict[str, str]) -> None:
    made = world.admin("meetings", source="zoom", processing=True)["meetings"][0]
    row = next(row for row in listed(world, maya)["meetings"] if row["uuid"] == made["uuid"])
    assert row["recording_count"] == 0
    assert [(f["file_type"], f["recording_end"], f["file_size"]) for f in row["recording_files"]] == [
        ("", "", 0)
    ]
    assert (opened(world, maya, made["uuid"]).json()["code"]) == 3301
    world.admin("meetings/change", meeting=made["uuid"], processing=False)
    assert len(opened(world, maya, made["uuid"]).json()["recording_files"]) == 3


def test_5_the_sound_comes_before_the_transcript(world: World, maya: dict[str, str]) -> None:
    made = world.admin("meetings", source="zoom", transcript_after=3600)["meetings"][0]
    meeting = opened(world, maya, made["uuid"]).json()
    assert {row["file_type"] for row in meeting["recording_files"]} == {"MP4", "M4A"}
    answer = opened(world, maya, made["uuid"], "transcript").json()
    assert (answer["can_download"], answer["download_restriction_reason"]) == (False, "NOT_READY")
    world.admin("meetings/change", meeting=made["uuid"], transcript="ready")
    answer = opened(world, maya, made["uuid"], "transcript").json()
    assert answer["can_download"]
    assert world.get(answer["download_url"], headers=maya, follow_redirects=True).text.startswith("WEBVTT")


def test_5_some_transcripts_never_come(world: World, maya: dict[str, str]) -> None:
    silent = [row for row in everything(world, maya) if not of_type(row, "TRANSCRIPT")]
    assert silent
    answer = opened(world, maya, silent[0]["uuid"], "transcript").json()
    assert answer["download_restriction_reason"] == "NO_TRANSCRIPT_DATA"


def test_6_a_meeting_with_a_pause_has_two_transcripts_in_order(world: World, maya: dict[str, str]) -> None:
    meeting = next(row for row in everything(world, maya) if len(of_type(row, "TRANSCRIPT")) > 1)
    first, second = sorted(of_type(meeting, "TRANSCRIPT"), key=lambda row: row["recording_start"])
    assert first["recording_end"] < second["recording_start"]
    texts = [world.get(f["download_url"], headers=maya, follow_redirects=True).text for f in (first, second)]
    assert texts[0] != texts[1]
    assert all(text.splitlines()[3].startswith("00:00:0") for text in texts)  # each counts from its own begin


def test_6_chat_timeline_and_summary_lie_between_the_files(world: World, maya: dict[str, str]) -> None:
    meeting = next(row for row in everything(world, maya) if of_type(row, "CHAT"))
    assert {row["file_type"] for row in meeting["recording_files"]} >= {"TIMELINE", "SUMMARY", "TRANSCRIPT"}
    assert "id" not in of_type(meeting, "TIMELINE")[0]
    assert "file_size" not in of_type(meeting, "TIMELINE")[0]


def test_6_a_transcript_has_crlf_numbers_and_names(world: World, maya: dict[str, str]) -> None:
    file = of_type(listed(world, maya)["meetings"][0], "TRANSCRIPT")[0]
    answer = world.get(file["download_url"], headers=maya, follow_redirects=True)
    assert answer.headers["content-type"].startswith("text/vtt")
    assert len(answer.content) == file["file_size"]
    assert answer.text.startswith("WEBVTT\r\n\r\n1\r\n00:00:")
    assert "Maya Okafor: " in answer.text


def test_7_a_download_leads_to_another_host_where_no_token_is_wanted(
    world: World, maya: dict[str, str]
) -> None:
    file = of_type(listed(world, maya)["meetings"][0], "M4A")[0]
    answer = world.get(file["download_url"], headers=maya)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(world.storage)
    sound = world.get(answer.headers["location"])
    assert (sound.headers["content-type"], len(sound.content)) == ("audio/mp4", file["file_size"])
    world.get(answer.headers["location"], headers=maya)  # a careless client
    assert [call["authorization"] for call in world.look("calls", endpoint="zoom.storage")["calls"]] == [
        False,
        True,
    ]
    assert world.get(f"{world.storage}/zoom/v2/users/me", headers=maya).status_code == 404
    world.admin("clock", advance=601)
    assert world.get(answer.headers["location"]).status_code == 403


def test_7_bad_tokens_get_401_or_a_page_with_200(world: World, maya: dict[str, str]) -> None:
    url = of_type(listed(world, maya)["meetings"][0], "MP4")[0]["download_url"]
    assert world.get(url, headers={"authorization": "Bearer no"}).status_code == 401
    world.admin("settings", zoom={"bad_download_auth": "html"})
    answer = world.get(url, headers={"authorization": "Bearer no"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    token = maya["authorization"].removeprefix("Bearer ")
    answer = world.get(url, params={"access_token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, 124)
    assert token not in world.get("/admin/calls").text


def test_7_a_download_access_token_opens_one_meeting_until_it_expires(
    world: World, maya: dict[str, str]
) -> None:
    one, other = listed(world, maya)["meetings"][:2]
    meeting = opened(world, maya, one["uuid"], include_fields="download_access_token", ttl=60).json()
    key = {"authorization": f"Bearer {meeting['download_access_token']}"}
    url = of_type(one, "M4A")[0]["download_url"]
    assert world.get(url, headers=key).status_code == 302
    assert world.get(of_type(other, "M4A")[0]["download_url"], headers=key).status_code == 401
    world.admin("clock", advance=61)
    assert world.get(url, headers=key).status_code == 401
    assert "download_access_token" not in opened(world, maya, one["uuid"]).json()


def test_7_rough_downloads_are_a_401_a_cut_and_a_short_body(world: World, maya: dict[str, str]) -> None:
    file = of_type(listed(world, maya)["meetings"][0], "M4A")[0]
    world.admin("scenario", name="zoom-rough-downloads")
    assert world.get(file["download_url"], headers=maya).status_code == 401
    with pytest.raises(httpx.TransportError):
        world.get(file["download_url"], headers=maya, follow_redirects=True)
    short = world.get(file["download_url"], headers=maya, follow_redirects=True)
    assert (short.status_code, len(short.content)) == (200, int(file["file_size"] * 0.4))
    whole = world.get(file["download_url"], headers=maya, follow_redirects=True)
    assert len(whole.content) == file["file_size"]


def test_9_a_trashed_meeting_is_in_the_trash_until_it_is_recovered(world: World, maya: dict[str, str]) -> None:
    uuid = listed(world, maya)["meetings"][0]["uuid"]
    world.admin("meetings/change", meeting=uuid, trashed=True)
    assert uuid not in [row["uuid"] for row in listed(world, maya)["meetings"]]
    assert [
        row["uuid"] for row in world.get(LIST, headers=maya, params={"trash": "true"}).json()["meetings"]
    ] == [uuid]
    assert opened(world, maya, uuid).json()["code"] == 3301
    assert opened(world, maya, uuid, "transcript").json()["download_restriction_reason"] == "DELETED_OR_TRASHED"
    world.admin("meetings/change", meeting=uuid, trashed=False)
    assert opened(world, maya, uuid).status_code == 200


def test_9_a_meeting_can_be_deleted_between_list_and_download(world: World, maya: dict[str, str]) -> None:
    uuid = listed(world, maya)["meetings"][1]["uuid"]
    action = {"path": "meetings", "method": "DELETE", "body": {"meeting": uuid}}
    world.fault(on="zoom.meeting", admin=[action])
    answer = opened(world, maya, uuid)
    assert (answer.status_code, answer.json()["code"]) == (404, 3301)


def test_11_calls_over_the_limit_of_a_second_get_429(world: World, maya: dict[str, str]) -> None:
    world.admin("settings", zoom={"plan": "free"})
    answer = None
    for _ in range(12):
        answer = world.get(LIST, headers=maya)
        if answer.status_code == 429:
            break
    assert answer is not None
    assert answer.json()["code"] == 429
    assert answer.headers["x-ratelimit-type"] == "QPS"
    assert "retry-after" not in answer.headers
    assert int(answer.headers["x-ratelimit-reset"]) >= time.time() - 1


def test_11_the_daily_cap_names_an_iso_date_and_is_shared_by_the_account(
    world: World, maya: dict[str, str]
) -> None:
    world.admin("settings", zoom={"daily_limit": 10})
    account = world.look("state")["users"]["maya"]["zoom_account"]
    world.admin("limits", key=f"zoom/{account}/medium/day", calls=9)
    assert world.get(LIST, headers=maya).status_code == 200
    answer = world.get(LIST, headers=world.bearer("zoom", "tom"))
    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-type"] == "Daily-limit"
    assert datetime.fromisoformat(answer.headers["retry-after"]) > datetime.now(UTC)
    assert world.get(LIST, headers=world.bearer("zoom", "petra")).status_code == 200
    world.admin("settings", zoom={"limit_headers": "none"})
    assert not [key for key in world.get(LIST, headers=maya).headers if "rate" in key or "retry" in key]


@pytest.mark.parametrize("status", [400, 403])
def test_12_a_missing_scope_is_4711(world: World, status: int) -> None:
    world.admin("settings", zoom={"scopes": ["user:read:user"], "scope_status": status})
    answer = world.get(LIST, headers=world.bearer("zoom"))
    assert (answer.status_code, answer.json()["code"]) == (status, 4711)
    assert "list_user_recordings" in answer.json()["message"]


def test_12_a_token_can_expire_in_mid_page(world: World, maya: dict[str, str]) -> None:
    world.fault(on="zoom.list", after=1, admin=[{"path": "tokens/expire", "body": {"provider": "zoom"}}])
    token = listed(world, maya, page_size=2)["next_page_token"]
    answer = world.get(LIST, headers=maya, params={"page_size": 2, "next_page_token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, 124)


def test_users_of_one_account_keep_their_own_recordings_unless_they_are_admin(world: World) -> None:
    maya, tom = world.bearer("zoom"), world.bearer("zoom", "tom")
    me = world.get("/zoom/v2/users/me", headers=tom).json()
    assert (me["email"], me["account_id"]) == (
        "tom@larkfield.example",
        world.get("/zoom/v2/users/me", headers=maya).json()["account_id"],
    )
    mine, his = ({row["uuid"] for row in everything(world, each)} for each in (maya, tom))
    assert mine
    assert his
    assert not mine & his
    assert opened(world, tom, next(iter(mine))).json()["code"] == 3001
    assert opened(world, maya, next(iter(his))).status_code == 200
    assert world.get(f"/zoom/v2/users/{me['id']}/recordings", headers=maya).status_code == 200
    maya_id = world.get("/zoom/v2/users/me", headers=maya).json()["id"]
    assert world.get(f"/zoom/v2/users/{maya_id}/recordings", headers=tom).json()["code"] == 1010
    assert world.get("/zoom/v2/users/nobody/recordings", headers=maya).json()["code"] == 1001
    assert json.dumps(me)
