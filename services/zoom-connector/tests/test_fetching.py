"""One call: which of its files are taken, and what may be wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.eventually import eventually
from tests.support.sources import Source, World
from tests.support.stack import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR = 60
"""Minutes, as the sandbox counts how long ago a call has ended."""


async def connected(zoom: Source, world: World, user: str = "petra") -> tuple[Person, UUID]:
    """A person and their account, after its first sync; Petra has one call, from two weeks ago."""
    await world.heal()
    listed = (await world.look("meetings", source="zoom", host="petra"))["meetings"]
    for meeting in sorted(listed, key=lambda one: one["started"])[1:]:
        await world.admin("meetings/delete", meeting=meeting["uuid"])
    person = await zoom.stack.person()
    account = await zoom.connect(person, world, user)
    await zoom.ended(await zoom.first_job(account))
    await world.forget_calls()
    return person, account


async def added(world: World, title: str, **more: Any) -> dict[str, Any]:
    """A call of Petra's that ended just now, as the sandbox shows it."""
    given = {"source": "zoom", "host": "petra", "title": title, "ended_minutes_ago": 1} | more
    return dict((await world.admin("meetings", **given))["meetings"][0])


async def recording(zoom: Source, person: Person, title: str) -> dict[str, Any]:
    """The one call of that title."""
    (found,) = [one for one in await zoom.recordings(person) if one["title"] == title]
    return found


async def item(zoom: Source, job: UUID) -> dict[str, Any]:
    """The one item of a job."""
    (row,) = await zoom.stack.owner.fetch("SELECT * FROM sync_job_items WHERE job_id = $1", job)
    return dict(row)


async def with_token(world: World, endpoint: str) -> list[bool]:
    """Of each call of an endpoint, whether a token came along."""
    return [call["authorization"] for call in (await world.look("calls", endpoint=endpoint))["calls"]]


@pytest.mark.parametrize("uuid", ["/AbC{}dEf==", "aB//cD{}eF==", "//x{}y==", "p+q{}+r==", "s/t{}u=="])
async def test_a_meeting_is_opened_whatever_its_uuid_is_made_of(zoom: Source, world: World, uuid: str) -> None:
    ada, account = await connected(zoom, world)
    name = uuid.format(len(uuid))
    await added(world, f"Odd {name}", uuid=name, lines=[["Petra Novak", f"This is {name}."]])
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    call = await recording(zoom, ada, f"Odd {name}")
    assert (call["external_id"], call["full_transcript"]) == (name, f"Petra Novak: This is {name}.")
    assert (await world.look("calls", endpoint="zoom.meeting"))["statuses"] == {"zoom.meeting 200": 1}


async def test_meetings_of_a_series_share_a_number_and_have_each_their_own_words(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    for day in (1, 2, 3):
        at = (datetime.now(UTC) - timedelta(hours=day * 3)).isoformat()
        await added(
            world, f"Series {day}", id=77_000_000_001, started=at, lines=[["Petra Novak", f"Day {day}."]]
        )
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 3
    words = {day: (await recording(zoom, ada, f"Series {day}"))["full_transcript"] for day in (1, 2, 3)}
    assert words == {day: f"Petra Novak: Day {day}." for day in (1, 2, 3)}


async def test_a_meeting_that_zoom_still_works_on_is_skipped_with_a_time_and_imported_later(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Still processed", processing=True)
    job = await zoom.sync(account)
    assert (await zoom.ended(job))["skipped"] == 1
    row = await item(zoom, job)
    assert row["code"] == "not_ready"
    assert timedelta(minutes=5) < row["revisit_at"] - datetime.now(UTC) < timedelta(hours=1)
    await world.admin("meetings/change", meeting=made["uuid"], processing=False)
    assert (await zoom.ended(await zoom.revisit(row["id"], account)))["imported"] == 1
    assert (await recording(zoom, ada, "Still processed"))["full_transcript"]


async def test_a_row_without_type_and_end_among_finished_files_is_waited_for(
    zoom: Source, world: World
) -> None:
    _, account = await connected(zoom, world)
    made = await added(world, "Half done")
    start = (datetime.now(UTC) - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"file_type": "", "recording_start": start, "recording_end": "", "file_size": 0, "status": None}
    body = {"uuid": made["uuid"], "topic": None, "start_time": start, "recording_files": [row, {"id": None}]}
    await world.fault(on="zoom.meeting", times=1, answer={"status": 200, "body": body})
    job = await zoom.sync(account)
    assert (await zoom.ended(job))["skipped"] == 1
    assert (await item(zoom, job))["code"] == "not_ready"


async def test_a_transcript_that_comes_later_is_looked_for_at_its_time_and_imported(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    made = await added(world, "Later", transcript="pending", ended_minutes_ago=5.8 * HOUR)
    job = await zoom.sync(account)
    assert (await zoom.ended(job))["status"] == "completed"
    row = await item(zoom, job)
    assert (row["status"], row["code"]) == ("skipped", "not_ready")
    assert row["revisit_at"] - datetime.now(UTC) <= timedelta(
        minutes=13
    )  # patience ends before a tenth of its age
    assert (await zoom.ended(await zoom.sync(account)))["found"] == 0
    await world.admin("meetings/change", meeting=made["uuid"], transcript="ready")
    assert (await zoom.ended(await zoom.revisit(row["id"], account)))["imported"] == 1
    assert (await recording(zoom, ada, "Later"))["full_transcript"]


async def audio_of(zoom: Source, row: UUID) -> list[dict[str, Any]]:
    """What the transcriber was told of an item."""
    told = [json.loads(one.value) for one in await zoom.stack.messages("import.audio")]
    return [one for one in told if one["item_id"] == str(row)]


async def handed_on(zoom: Source, account: UUID) -> tuple[UUID, dict[str, Any]]:
    """A sync whose one call goes to the transcriber: the job (cancelled, nobody transcribes here), and what was said."""
    job = await zoom.sync(account)

    async def told() -> dict[str, Any] | None:
        rows = await zoom.stack.owner.fetch("SELECT id FROM sync_job_items WHERE job_id = $1", job)
        said = await audio_of(zoom, rows[0]["id"]) if rows else []
        return said[0] if said else None

    found = await eventually(told, within=30)
    await zoom.cancel(job)
    await zoom.ended(job)
    return job, found


async def test_a_call_without_a_transcript_goes_to_the_transcriber_after_six_hours(
    zoom: Source, world: World
) -> None:
    _, account = await connected(zoom, world)
    made = await added(world, "Never", transcript="never", audio="harbour", ended_minutes_ago=6.1 * HOUR)
    _, told = await handed_on(zoom, account)
    lying = Path(zoom.environment["STORAGE_URL"].removeprefix("file://")) / "objects" / told["audio"]["key"]
    own = Path(__file__).parents[3] / "sandbox/src/sandbox/meetings/data/harbour.m4a"
    assert lying.read_bytes() == own.read_bytes()
    assert told["audio"]["content_type"] == "audio/mp4"
    assert (told["draft"]["external_id"], told["draft"]["title"]) == (made["uuid"], "Never")
    assert not any(await with_token(world, "zoom.storage"))


async def test_where_there_is_no_sound_file_the_video_is_taken(zoom: Source, world: World) -> None:
    _, account = await connected(zoom, world)
    made = await added(world, "Video", transcript="never", ended_minutes_ago=7 * HOUR)
    shown = await opened(world, made["uuid"])
    shown["recording_files"] = [one for one in shown["recording_files"] if one["file_type"] == "MP4"]
    await world.fault(on="zoom.meeting", times=None, answer={"status": 200, "body": shown})
    _, told = await handed_on(zoom, account)
    assert (told["audio"]["content_type"], told["audio"]["filename"]) == ("video/mp4", "call.mp4")


@pytest.mark.parametrize(
    "fault",
    [
        {"on": "zoom.download", "answer": {"status": 200}},
        {"on": "zoom.download", "answer": "zoom.401"},
        {"on": "zoom.storage", "truncate": 0.4},
    ],
    ids=["a sign-in page", "a sporadic 401", "a part of it"],
)
async def test_what_comes_in_place_of_the_sound_is_not_taken_for_it(
    zoom: Source, world: World, fault: dict[str, Any]
) -> None:
    _, account = await connected(zoom, world)
    await added(world, "Spoilt", transcript="never", audio="budget", ended_minutes_ago=8 * HOUR)
    await world.fault(times=1, **fault)
    _, told = await handed_on(zoom, account)
    own = Path(__file__).parents[3] / "sandbox/src/sandbox/meetings/data/budget.m4a"
    assert told["audio"]["size"] == own.stat().st_size
    assert await world.calls("zoom.meeting") == 2  # with a fresh token


async def test_a_call_with_neither_transcript_nor_sound_is_skipped(zoom: Source, world: World) -> None:
    _, account = await connected(zoom, world)
    made = await added(world, "Chat alone", chat=True, ended_minutes_ago=30 * HOUR)
    shown = await opened(world, made["uuid"])
    shown["recording_files"] = [
        one for one in shown["recording_files"] if one["file_type"] in ("CHAT", "TIMELINE")
    ]
    await world.fault(on="zoom.meeting", times=1, answer={"status": 200, "body": shown})
    job = await zoom.sync(account)
    assert (await zoom.ended(job))["skipped"] == 1
    row = await item(zoom, job)
    assert (row["code"], row["message"]) == (
        "unsupported",
        "Zoom has neither a transcript nor sound of this call.",
    )


async def opened(world: World, uuid: str) -> dict[str, Any]:
    """What Zoom says of a meeting of Petra's, to a token that is nobody's."""
    from zoom_connector.connector import encoded

    issued = await world.admin("tokens/issue", provider="zoom", user="petra", client_id="other")
    answer = await world.http.get(
        f"{world.base}/zoom/v2/meetings/{encoded(uuid)}/recordings",
        params={"include_fields": "download_access_token"},
        headers={"Authorization": f"Bearer {issued['access_token']}"},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_several_recordings_of_one_meeting_are_one_call_with_times_from_its_start(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    lines = [["Petra Novak" if number % 2 else "Jonas Keller", f"Sentence {number}."] for number in range(12)]
    made = await added(world, "In three parts", parts=3, chat=True, lines=lines)
    shown = await opened(world, made["uuid"])
    shown["recording_files"].reverse()  # Zoom promises no order
    await world.forget_calls()
    await world.fault(on="zoom.meeting", times=1, answer={"status": 200, "body": shown})
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    call = await recording(zoom, ada, "In three parts")
    segments = json.loads(call["segments"])
    assert [one["text"] for one in segments] == [text for _, text in lines]
    assert {one["speaker"] for one in segments} <= {"Petra Novak", "Jonas Keller", None}
    starts = [one["start"] for one in segments]
    assert starts == sorted(starts)
    begins = [one["recording_start"] for one in shown["recording_files"] if one["file_type"] == "TRANSCRIPT"]
    zero = datetime.fromisoformat(shown["start_time"])
    third = max((datetime.fromisoformat(one) - zero).total_seconds() for one in begins)
    assert third <= starts[8] < third + 10
    assert call["duration"] >= segments[-1]["end"]
    assert call["recording_start_time"] == zero


async def test_chat_timeline_and_summary_are_left_alone(zoom: Source, world: World) -> None:
    ada, account = await connected(zoom, world)
    await added(world, "With chat", chat=True)
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    assert await world.calls("zoom.download") == await world.calls("zoom.storage") == 1
    assert "send the link" not in (await recording(zoom, ada, "With chat"))["full_transcript"]


async def test_a_meeting_with_a_transcript_of_one_of_two_recordings_waits_for_the_other_then_says_what_is_left_out(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    for title, ago in (("Fresh half", 1), ("Old half", 7 * HOUR)):
        made = await added(world, title, parts=2, ended_minutes_ago=ago)
        shown = await opened(world, made["uuid"])
        second = max(one["recording_start"] for one in shown["recording_files"])
        shown["recording_files"] = [
            one
            for one in shown["recording_files"]
            if one["file_type"] != "TRANSCRIPT" or one["recording_start"] != second
        ]
        await world.fault(on="zoom.meeting", times=1, answer={"status": 200, "body": shown})
        job = await zoom.sync(account)
        await zoom.ended(job)
        assert (await item(zoom, job))["status"] == ("skipped" if title == "Fresh half" else "imported")
    call = await recording(zoom, ada, "Old half")
    assert json.loads(call["source_metadata"])["recordings_left_out"] == 1


async def test_a_download_is_followed_to_another_host_without_the_token(zoom: Source, world: World) -> None:
    _, account = await connected(zoom, world)
    await added(world, "Redirected")
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    assert await with_token(world, "zoom.download") == [True]
    assert await with_token(world, "zoom.storage") == [False]


async def test_a_download_address_on_a_foreign_host_gets_no_token(zoom: Source, world: World) -> None:
    _, account = await connected(zoom, world)
    made = await added(world, "Foreign")
    shown = await opened(world, made["uuid"])
    address = await world.http.get(
        shown["recording_files"][0]["download_url"],
        headers={"Authorization": f"Bearer {shown['download_access_token']}"},
    )
    foreign = f"{address.headers['location'].partition('?')[0]}?signature=none"
    for file in shown["recording_files"]:
        file["download_url"] = foreign
    await world.forget_calls()
    await world.fault(on="zoom.meeting", times=1, answer={"status": 200, "body": shown})
    job = await zoom.sync(account)
    assert (await zoom.ended(job))["failed"] == 1
    assert (await item(zoom, job))["code"] == "source_forbidden"
    assert await with_token(world, "zoom.storage") == [False]


@pytest.mark.parametrize(
    ("title", "fault"),
    [
        ("Sign in", {"on": "zoom.download", "answer": {"status": 200}}),
        ("Sporadic 401", {"on": "zoom.download", "answer": "zoom.401"}),
        ("Short body", {"on": "zoom.storage", "truncate": 0.4}),
        ("Cut body", {"on": "zoom.storage", "cut": "mid_body"}),
        ("Bad gateway", {"on": "zoom.storage", "answer": "html.502"}),
    ],
)
async def test_a_download_that_is_a_sign_in_page_or_a_401_or_not_whole_is_done_again_with_a_fresh_token(
    zoom: Source, world: World, title: str, fault: dict[str, Any]
) -> None:
    ada, account = await connected(zoom, world)
    await added(world, title, lines=[["Petra Novak", "All of it, to the last word."]])
    await world.fault(times=1, **fault)
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    call = await recording(zoom, ada, title)
    assert call["full_transcript"] == "Petra Novak: All of it, to the last word."
    if title != "Bad gateway":
        assert await world.calls("zoom.meeting") == 2
    assert await world.calls("zoom.token") == 0  # the account's own token had nothing to do with it


async def test_a_download_that_stays_broken_fails_with_its_code_and_does_not_stop_its_neighbours(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    bad = await added(world, "Broken for good", uuid="BrokenForGood==")
    await added(world, "Its neighbour")
    shown = await opened(world, bad["uuid"])
    for file in shown["recording_files"]:
        file["file_size"] += 1
    rule = {"on": "zoom.meeting", "times": None, "answer": {"status": 200, "body": shown}}
    answer = await world.http.post(f"{world.base}/admin/faults", json=rule | {"path": "BrokenForGood"})
    assert answer.status_code == 200
    job = await zoom.sync(account)

    async def neighbour() -> bool:
        return "Its neighbour" in [one["title"] for one in await zoom.recordings(ada)]

    await eventually(neighbour, within=20)

    async def last_try() -> bool:
        """The pauses between six tries take more than a minute: have them over."""
        done = await zoom.stack.owner.execute(
            "UPDATE tasks SET tries = 5, not_before = now() WHERE job_id = $1 AND tries > 0 AND not_before > now()",
            job,
        )
        return bool(done == "UPDATE 1")

    await eventually(last_try, within=20)
    row = await zoom.ended(job)
    assert (row["status"], row["imported"], row["failed"]) == ("partial", 1, 1)
    code = await zoom.stack.owner.fetchval(
        "SELECT code FROM sync_job_items WHERE job_id = $1 AND status = 'failed'", job
    )
    assert code == "download_incomplete"


async def test_a_call_deleted_during_the_import_is_skipped_and_its_neighbours_come(
    zoom: Source, world: World
) -> None:
    _, account = await connected(zoom, world)
    gone = await added(world, "Soon gone", ended_minutes_ago=40 * HOUR)
    await added(world, "Here to stay")
    action = {"path": "meetings", "method": "DELETE", "body": {"meeting": gone["uuid"]}}
    await world.fault(on="zoom.list", times=1, admin=[action | {"when": "after"}])
    job = await zoom.sync(account)
    row = await zoom.ended(job)
    assert (row["imported"], row["skipped"], row["status"]) == (1, 1, "completed")
    skipped = await zoom.stack.owner.fetchrow(
        "SELECT code, message FROM sync_job_items WHERE job_id = $1 AND status = 'skipped'", job
    )
    assert skipped is not None
    assert tuple(skipped) == ("deleted", "Zoom no longer has this recording.")


async def test_a_meeting_that_zoom_does_not_know_is_skipped_as_deleted_however_new_it_is(
    zoom: Source, world: World
) -> None:
    """3001; 3301 of a new call may mean that it is not there yet."""
    _, account = await connected(zoom, world)
    await added(world, "Unknown to Zoom")
    body = {"code": 3001, "message": "Meeting does not exist: x."}
    await world.fault(on="zoom.meeting", times=1, answer={"status": 404, "body": body})
    job = await zoom.sync(account)
    await zoom.ended(job)
    assert (await item(zoom, job))["code"] == "deleted"
    await added(world, "Not there yet")
    await world.fault(on="zoom.meeting", times=1, answer="zoom.3301")
    job = await zoom.sync(account)
    await zoom.ended(job)
    assert (await item(zoom, job))["code"] == "not_ready"


async def test_names_that_are_missing_in_a_transcript_leave_the_speaker_open(
    zoom: Source, world: World
) -> None:
    ada, account = await connected(zoom, world)
    lines = [["Jonas Keller", f"Point {number}: let us see."] for number in range(8)]
    await added(world, "Nameless", people=["Jonas Keller"], lines=lines)
    assert (await zoom.ended(await zoom.sync(account)))["imported"] == 1
    segments = json.loads((await recording(zoom, ada, "Nameless"))["segments"])
    assert [one["speaker"] for one in segments] == ["Jonas Keller"] * 6 + [None, "Jonas Keller"]
    assert segments[6]["text"] == "Point 6: let us see."


async def test_no_token_is_ever_in_a_log(zoom: Source, world: World) -> None:
    rows = await zoom.stack.owner.fetch("SELECT secret FROM source_credentials")
    secrets = [value for row in rows for value in zoom.keys.decrypt(row["secret"]).values()]
    words = [value for value in secrets if isinstance(value, str)]
    assert len(words) >= 2
    for each in zoom.connectors:
        assert not [word for word in words if word in each.said()]
        assert "zf_" not in each.said()
        assert "sandbox-secret" not in each.said()
