"""What YouTube may answer, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.sources import World

from .conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def video(world: World, **switches: Any) -> str:
    """A new video's id."""
    switches = {"tracks": ["en:asr"], "plot": "design", **switches}
    made = await world.admin("meetings", source="youtube", host="tom", **switches)
    return str(made["meetings"][0]["video"])


async def change(world: World, one: str, **switches: Any) -> None:
    await world.admin("meetings/change", meeting=one, **switches)


def watch(one: str) -> str:
    return f"https://www.youtube.com/watch?v={one}"


@pytest.mark.parametrize(
    ("tracks", "taken"),
    [
        (["de:manual", "en:manual", "en:asr"], ("en", False)),
        (["en:manual", "de:manual", "de:asr"], ("de", False)),
        (["es:manual", "en:asr"], ("en", True)),
        (["fr:manual"], ("fr", False)),
    ],
)
async def test_of_machine_made_hand_made_and_translatable_captions_the_best_are_taken_and_none_translated(
    desk: Desk, world: World, tracks: list[str], taken: tuple[str, bool]
) -> None:
    one = await video(world, tracks=tracks)
    await world.forget_calls()
    told = (await desk.recording(watch(one)))["source_metadata"]
    assert (told["language"], told["is_generated"]) == taken
    asked = (await world.look("calls", endpoint="youtube.timedtext"))["calls"]
    assert len(asked) == 1
    assert "tlang" not in json.dumps(asked)


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("private", "video_private", "Make it public or unlisted"),
        ("members", "video_unplayable", "members-only content"),
        ("age", "video_age_restricted", "age-restricted"),
        ("disabled", "no_captions", "Transcribe videos without captions"),
        ("po_token", "captions_withheld", "Transcribe videos without captions"),
        ("unavailable", "video_gone", "deleted, or the link is wrong"),
    ],
)
async def test_each_refusal_of_the_player_has_its_code_and_says_what_to_do(
    desk: Desk, world: World, mode: str, code: str, words: str
) -> None:
    row = await desk.item(watch(await video(world, mode=mode)))
    assert (row["status"], row["code"], row["retryable"], row["attempt"]) == ("failed", code, False, 1)
    assert words in row["message"]


async def test_a_link_to_a_video_that_never_was_says_that_it_is_gone(desk: Desk, world: World) -> None:
    row = await desk.item("https://youtu.be/notAvideo00")
    assert (row["code"], row["title"]) == ("video_gone", "YouTube video notAvideo00")


async def test_captions_withheld_from_us_are_replaced_by_the_sound_where_that_was_wished(
    desk: Desk, world: World
) -> None:
    one = await video(world, mode="po_token")
    await world.forget_calls()
    job = await desk.bring(watch(one), transcribe_missing=True)
    await desk.hands_on(job)
    assert await world.calls("youtube.audio") >= 1


async def test_an_empty_timed_text_is_no_missing_captions_and_is_asked_for_again(
    desk: Desk, world: World
) -> None:
    one = await video(world, mode="empty")
    job = await desk.bring(watch(one), transcribe_missing=True)
    await desk.waits(job, "captions_empty")
    await change(world, one, mode="ok")
    assert (await desk.source.ended(job))["imported"] == 1
    heard = (await world.look("calls", endpoint="youtube.audio"))["calls"]
    assert one not in json.dumps(heard)


@pytest.mark.parametrize("place", ["watch", "player", "timedtext"])
async def test_too_many_requests_at_any_step_is_a_block_that_is_waited_out(
    desk: Desk, world: World, place: str
) -> None:
    one = await video(world)
    await world.fault(on=f"youtube.{place}", times=1, answer="youtube.429")
    job = await desk.bring(watch(one))
    await desk.waits(job, "youtube_blocked")
    assert (await desk.source.ended(job))["imported"] == 1


async def test_a_block_at_the_titles_costs_the_title_only_until_the_player_tells_it(
    desk: Desk, world: World
) -> None:
    one = await video(world, title="Told by the player")
    await world.fault(on="youtube.oembed", times=1, answer="youtube.429")
    assert (await desk.recording(watch(one)))["title"] == "Told by the player"


@pytest.mark.parametrize("kind", ["bot", "429", "recaptcha"])
async def test_a_block_that_lifts_after_some_tries_delays_and_loses_nothing(
    desk: Desk, world: World, kind: str
) -> None:
    one = await video(world)
    at = ["watch"] if kind == "recaptcha" else ["player"]
    await world.admin("settings", youtube={"blocked": kind, "blocked_at": at, "blocked_tries": None})
    job = await desk.bring(watch(one))
    await desk.waits(job, "youtube_blocked")
    assert (await desk.items(job))[0]["status"] == "found"
    await world.admin("settings", youtube={"blocked": "no"})
    assert (await desk.source.ended(job))["imported"] == 1


async def test_the_consent_page_is_passed_once_and_told_where_it_stays(desk: Desk, world: World) -> None:
    await world.admin("settings", youtube={"consent_page": "once"})
    await desk.recording(watch(await video(world)))
    await world.admin("settings", youtube={"consent_page": "always"})
    job = await desk.bring(watch(await video(world)))
    await desk.waits(job, "youtube_consent")
    await world.admin("settings", youtube={"consent_page": "never"})
    assert (await desk.source.ended(job))["imported"] == 1


@pytest.mark.parametrize("answer", ["unauthorized", "forbidden", "not_found", "forbidden_200"])
async def test_no_answer_in_words_of_oembed_keeps_a_video_out(desk: Desk, world: World, answer: str) -> None:
    one = await video(world, oembed=answer, title="Not to be embedded")
    assert (await desk.recording(watch(one)))["title"] == "Not to be embedded"


async def test_a_title_by_oembed_does_not_promise_captions(desk: Desk, world: World) -> None:
    row = await desk.item(watch(await video(world, tracks=[], title="Nothing to read")))
    assert (row["title"], row["code"]) == ("Nothing to read", "no_captions")


async def test_entities_escaped_twice_empty_entries_and_overlaps_leave_no_trace(
    desk: Desk, world: World
) -> None:
    body = (
        '<?xml version="1.0" encoding="utf-8" ?><transcript>'
        '<text start="0" dur="4.2">Q&amp;amp;A: isn&amp;#39;t it</text><text start="1.5" dur="0.01"></text>'
        '<text start="2" dur="3">\n  "quoted" \n</text><text start="2.5">3 &amp;lt; 5</text></transcript>'
    )
    one = await video(world)
    headers = {"content-type": "text/xml"}
    await world.fault(on="youtube.timedtext", times=1, answer={"status": 200, "body": body, "headers": headers})
    found = await desk.recording(watch(one))
    assert found["full_transcript"] == 'Q&A: isn\'t it "quoted" 3 < 5'
    said = [(row["start"], row["end"], row["text"]) for row in json.loads(found["segments"])]
    assert said == [(0, 2, "Q&A: isn't it"), (2, 2.5, '"quoted"'), (2.5, 2.5, "3 < 5")]


@pytest.mark.parametrize("mode", ["live", "upcoming"])
async def test_a_video_that_is_live_or_yet_to_come_is_skipped_and_imported_once_it_plays(
    desk: Desk, world: World, mode: str
) -> None:
    one = await video(world, mode=mode)
    row = await desk.item(watch(one), transcribe_missing=True)
    assert (row["status"], row["code"]) == ("skipped", "not_ready")
    assert row["revisit_at"] > row["ended_at"]
    await change(world, one, mode="ok")
    assert (await desk.source.ended(await desk.look_again(row)))["imported"] == 1


async def test_what_was_wished_for_a_link_still_holds_when_it_is_looked_at_again(
    desk: Desk, world: World
) -> None:
    one = await video(world, mode="live", tracks=[])
    row = await desk.item(watch(one), transcribe_missing=True)
    row = (await desk.items((await desk.source.ended(await desk.look_again(row)))["id"]))[0]
    assert row["code"] == "not_ready"
    await change(world, one, mode="ok")
    await desk.hands_on(await desk.look_again(row))


@pytest.mark.parametrize(
    ("place", "spoilt"),
    [("watch", {"stall": 60}), ("timedtext", {"cut": "mid_body"}), ("player", {"answer": "html.503"})],
)
async def test_hanging_breaking_and_failing_answers_are_given_up_and_asked_for_again(
    desk: Desk, world: World, place: str, spoilt: dict[str, Any]
) -> None:
    one = await video(world)
    await world.fault(on=f"youtube.{place}", times=1, **spoilt)
    job = await desk.bring(watch(one))
    await desk.waits(job, "source_unavailable")
    assert (await desk.source.ended(job))["imported"] == 1


async def test_a_slow_answer_is_waited_for(desk: Desk, world: World) -> None:
    one = await video(world)
    await world.forget_calls()
    await world.fault(on="youtube.player", times=1, delay=2)
    assert (await desk.item(watch(one)))["status"] == "imported"
    assert await world.calls("youtube.player") == 1


async def test_a_changed_page_is_an_answer_that_cannot_be_read_and_is_asked_for_again(
    desk: Desk, world: World
) -> None:
    await world.admin("settings", youtube={"webpage": "changed"})
    job = await desk.bring(watch(await video(world)))
    await desk.waits(job, "source_unreadable")
    await world.admin("settings", youtube={"webpage": "ok"})
    assert (await desk.source.ended(job))["imported"] == 1


async def test_a_video_removed_between_its_title_and_its_captions_is_gone_under_its_title(
    desk: Desk, world: World
) -> None:
    one = await video(world, title="Here a moment ago")
    deletion = {"path": "meetings/delete", "body": {"meeting": one}, "when": "after"}
    await world.fault(on="youtube.oembed", times=1, admin=[deletion])
    row = await desk.item(watch(one))
    assert (row["title"], row["code"]) == ("Here a moment ago", "video_gone")


async def test_when_it_was_published_is_read_off_the_page(desk: Desk, world: World) -> None:
    one = await video(world)
    page = '"INNERTUBE_API_KEY": "k" <meta itemprop="datePublished" content="2024-05-06T07:08:09-07:00">'
    await world.fault(on="youtube.watch", times=1, answer={"status": 200, "body": page})
    found = await desk.recording(watch(one))
    assert found["recording_start_time"].isoformat() == "2024-05-06T14:08:09+00:00"
