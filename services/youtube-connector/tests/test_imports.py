"""From links to the library."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from tests.support.sources import World

from .conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD, MACHINE, FRENCH, SILENT = "kQ3vLw8Zx_A", "pT0dR5nY-2c", "zF9_aGk2CqU", "o6XNiVt8_Bs"
ALL = "https://www.youtube.com/playlist?list=PLlarkfieldtalks000000000000000001"


def watch(video: str) -> str:
    return f"https://www.youtube.com/watch?v={video}"


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
