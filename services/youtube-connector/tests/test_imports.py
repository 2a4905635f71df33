"""From links to the library."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir

import pytest
from tests.support.sources import World

from youtube_connector.connector import MANIFEST

from .conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD, MACHINE, FRENCH, SILENT = "kQ3vLw8Zx_A", "pT0dR5nY-2c", "zF9_aGk2CqU", "o6XNiVt8_Bs"
ALL = "https://www.youtube.com/playlist?list=PLlarkfieldtalks000000000000000001"


def watch(video: str) -> str:
    return f"https://www.youtube.com/watch?v={video}"


def left_over() -> list[Path]:
    """Sound that nobody has tidied away."""
    return list(Path(gettempdir()).glob("callvault-youtube-*/sound*"))


async def test_hand_made_captions_become_a_recording_with_what_is_known(desk: Desk, world: World) -> None:
    (video,) = [
        one for one in (await world.look("meetings", source="youtube"))["meetings"] if one["video"] == GOOD
    ]
    found = await desk.recording(watch(GOOD))
    assert (found["external_id"], found["title"]) == (GOOD, video["title"])
    assert found["full_transcript"]
    assert found["duration"] > 60
    told = found["source_metadata"]
    assert (told["language"], told["is_generated"], told["url"]) == ("en", False, watch(GOOD))


async def test_segments_do_not_overlap_and_have_words(desk: Desk, world: World) -> None:
    found = await desk.recording(watch(MACHINE))
    said = json.loads(found["segments"])
    assert len(said) > 20
    assert all(one["text"].strip() == one["text"] != "" for one in said)
    assert all(one["start"] <= one["end"] <= other["start"] for one, other in pairwise(said))
    assert found["source_metadata"]["is_generated"] is True


async def test_without_english_captions_the_videos_own_are_taken(desk: Desk, world: World) -> None:
    found = await desk.recording(watch(FRENCH), prefer_english=True)
    assert found["source_metadata"]["language"] == "fr"
    assert "[fr]" in found["full_transcript"]


async def test_several_links_are_one_job_with_a_call_for_each_video(desk: Desk, world: World) -> None:
    job = await desk.ended(watch(GOOD), f"https://youtu.be/{GOOD}?t=3", f"https://youtu.be/{MACHINE}")
    assert (job["found"], job["imported"], job["status"]) == (2, 2, "completed")


async def test_a_video_that_is_there_already_is_a_duplicate_and_asks_for_no_captions(
    desk: Desk, world: World
) -> None:
    first = await desk.item(watch(GOOD))
    await world.forget_calls()
    again = await desk.item(f"https://www.youtube.com/shorts/{GOOD}")
    assert (again["status"], again["recording_id"]) == ("duplicate", first["recording_id"])
    assert await world.calls("youtube.player") == await world.calls("youtube.timedtext") == 0


async def test_a_playlist_becomes_a_call_for_each_of_its_videos(desk: Desk, world: World) -> None:
    videos = (await world.look("meetings", source="youtube"))["meetings"]
    job = await desk.ended(ALL)
    assert job["found"] == len(videos) > 3
    items = await desk.items(job["id"])
    assert {row["title"] for row in items} == {video["title"] for video in videos}
    assert {row["code"] for row in items if row["status"] == "failed"} == {"no_captions"}


async def test_a_video_in_a_playlist_is_that_one_video(desk: Desk, world: World) -> None:
    job = await desk.ended(f"{watch(GOOD)}&list={ALL.partition('=')[2]}")
    assert (job["found"], job["imported"]) == (1, 1)


async def test_a_bad_link_or_playlist_stops_none_of_its_neighbours(desk: Desk, world: World) -> None:
    missing = "https://www.youtube.com/playlist?list=PLnotthere0000000000000000000000"
    channel = "https://www.youtube.com/@larkfield"
    job = await desk.ended(channel, missing, watch(GOOD))
    assert (job["found"], job["imported"], job["failed"], job["status"]) == (3, 1, 2, "partial")
    said = {
        row["external_id"]: (row["code"], row["message"], row["retryable"])
        for row in await desk.items(job["id"])
    }
    assert said[channel][0] == "unsupported_link"
    assert "channel" in said[channel][1]
    assert said[missing] == (
        "playlist_unreadable", "This playlist is private or gone. Make it public or unlisted.", False
    )  # fmt: skip


async def test_a_playlist_that_cannot_be_read_for_a_moment_holds_no_video_up_and_is_read_after_all(
    desk: Desk, world: World
) -> None:
    await world.admin("youtube/playlist", id="PLshort", videos=[MACHINE])
    await world.admin("settings", youtube={"blocked": "429", "blocked_at": ["playlist"]})
    job = await desk.bring("https://www.youtube.com/playlist?list=PLshort", watch(GOOD))
    await desk.waits(job, "source_unavailable")
    assert [row["external_id"] for row in await desk.items(job)] == [GOOD]
    await world.admin("settings", youtube={"blocked": "no"})
    assert (await desk.source.ended(job))["imported"] == 2


async def test_without_captions_the_sound_goes_to_the_transcriber_where_that_was_wished(
    desk: Desk, world: World
) -> None:
    job = await desk.bring(watch(SILENT), transcribe_missing=True)
    message = await desk.hands_on(job)
    assert message["draft"]["external_id"] == SILENT
    assert message["draft"]["title"] == "Bright Harbor: site visit"
    kept = await asyncio.to_thread(
        Path(desk.source.folder, "storage/objects", message["audio"]["key"]).read_bytes
    )
    sound = (await world.http.get(f"{world.base}/youtube/videoplayback?id={SILENT}")).content
    assert kept == sound
    assert (message["audio"]["content_type"], message["audio"]["size"]) == ("audio/mp4", len(sound))
    assert left_over() == []


async def test_without_that_wish_it_fails_with_a_sentence_that_names_the_switch(
    desk: Desk, world: World
) -> None:
    row = await desk.item(watch(SILENT))
    assert (row["status"], row["code"]) == ("failed", "no_captions")
    (option,) = [one for one in MANIFEST.options if one.name == "transcribe_missing"]
    assert option.label in row["message"]
