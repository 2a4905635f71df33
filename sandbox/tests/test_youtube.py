"""YouTube's behaviours over HTTP, one after the other."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from .conftest import World

GOOD = "kQ3vLw8Zx_A"  # captions made by hand in two languages, and by machine
SILENT = "o6XNiVt8_Bs"  # no captions
PLAYER = "/youtube/youtubei/v1/player"
ALL = "PLlarkfieldtalks000000000000000001"
PLACES = ["watch", "player", "timedtext", "oembed", "playlist", "audio"]


def play(world: World, video: str = GOOD, **headers: str) -> httpx.Response:
    body = {"context": {"client": {"clientName": "ANDROID", "clientVersion": "20.10.38"}}, "videoId": video}
    return world.post(PLAYER, json=body, headers=headers)


def tracks(world: World, video: str = GOOD) -> list[dict[str, Any]]:
    captions = play(world, video).json().get("captions", {})
    return captions.get("playerCaptionsTracklistRenderer", {}).get("captionTracks", [])


def embed(world: World, video: str = GOOD, scheme: str = "https") -> httpx.Response:
    url = f"{scheme}://www.youtube.com/watch?v={video}"
    return world.get("/youtube/oembed", params={"url": url, "format": "json"})


def ask(world: World, place: str, **headers: str) -> httpx.Response:
    """One call at each place."""
    if place == "player":
        return play(world, **headers)
    if place == "oembed":
        return world.get("/youtube/oembed", params={"url": f"https://youtu.be/{GOOD}"}, headers=headers)
    paths = {
        "watch": f"/youtube/watch?v={GOOD}",
        "timedtext": f"/youtube/api/timedtext?v={GOOD}&lang=en",
        "playlist": f"/youtube/feeds/videos.xml?playlist_id={ALL}",
        "audio": f"/youtube/videoplayback?id={GOOD}",
    }
    return world.get(paths[place], headers=headers)


def test_1_the_three_steps_lead_to_the_text(world: World) -> None:
    page = world.get(f"/youtube/watch?v={GOOD}").text
    assert re.search(r'"INNERTUBE_API_KEY":\s*"[a-zA-Z0-9_-]+"', page)
    found = tracks(world)
    assert [(t["languageCode"], t.get("kind")) for t in found] == [("en", None), ("de", None), ("en", "asr")]
    text = world.get(found[0]["baseUrl"].replace("&fmt=srv3", "")).text
    assert len(ElementTree.fromstring(text)) > 20
    german = world.get(found[2]["baseUrl"].replace("&fmt=srv3", "") + "&tlang=de").text
    assert "[de] " in german
    assert world.get(found[0]["baseUrl"]).text.startswith('<?xml version="1.0" encoding="utf-8" ?><timedtext')
    assert world.get(f"/youtube/api/timedtext?v={GOOD}&lang=xx").status_code == 404


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ("unavailable", "ERROR"),
        ("private", "UNPLAYABLE"),
        ("members", "UNPLAYABLE"),
        ("age", "LOGIN_REQUIRED"),
        ("bot", "LOGIN_REQUIRED"),
        ("upcoming", "LIVE_STREAM_OFFLINE"),
    ],
)
def test_2_the_player_refuses_in_every_way(world: World, mode: str, status: str) -> None:
    world.admin("meetings/change", meeting=GOOD, mode=mode)
    answer = play(world).json()
    assert answer["playabilityStatus"]["status"] == status
    assert answer["playabilityStatus"]["reason"]
    assert "captions" not in answer
    assert world.get(f"/youtube/videoplayback?id={GOOD}").status_code == 403


def test_2_captions_can_be_off_or_want_a_token(world: World) -> None:
    assert tracks(world, SILENT) == []
    world.admin("meetings/change", meeting=GOOD, mode="po_token")
    assert all("&exp=xpe" in track["baseUrl"] for track in tracks(world))
    world.admin("meetings/change", meeting=GOOD, mode="disabled")
    assert tracks(world) == []
    assert play(world, "x" * 11).json()["playabilityStatus"]["reason"] == "This video is unavailable"


def test_3_timed_text_can_be_empty(world: World) -> None:
    world.admin("meetings/change", meeting=GOOD, mode="empty")
    answer = world.get(tracks(world)[0]["baseUrl"])
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("place", PLACES)
def test_4_each_step_can_answer_429_until_the_block_lifts(world: World, place: str) -> None:
    assert ask(world, place).status_code == 200
    world.admin("settings", youtube={"blocked": "429", "blocked_at": [place], "blocked_tries": 2})
    assert [ask(world, place).status_code for _ in range(3)] == [429, 429, 200]


def test_4_a_block_can_be_a_sign_in_or_a_riddle_and_spare_another_address(world: World) -> None:
    world.admin("scenario", name="youtube-blocked")
    world.admin("settings", youtube={"open_ips": ["203.0.113.7"]})
    assert "not a bot" in play(world).json()["playabilityStatus"]["reason"]
    assert play(world, **{"x-forwarded-for": "203.0.113.7"}).json()["playabilityStatus"]["status"] == "OK"
    world.admin("settings", youtube={"blocked": "recaptcha", "blocked_at": ["watch"], "blocked_tries": None})
    assert 'class="g-recaptcha"' in ask(world, "watch").text


def test_5_the_consent_page_goes_away_with_its_cookie_or_never(world: World) -> None:
    world.admin("settings", youtube={"consent_page": "once"})
    assert 'action="https://consent.youtube.com/s"' in ask(world, "watch").text
    assert "INNERTUBE_API_KEY" in ask(world, "watch", cookie="CONSENT=YES+cb.20260101").text
    world.admin("settings", youtube={"consent_page": "always"})
    assert "INNERTUBE_API_KEY" not in ask(world, "watch", cookie="CONSENT=YES+cb.20260101").text


def test_6_oembed_knows_the_title_and_refuses_in_words(world: World) -> None:
    assert embed(world).json()["title"] == world.meetings("youtube", "tom")[0]["title"]
    assert embed(world, SILENT).status_code == 200
    for choice, status, text in (
        ("unauthorized", 401, "Unauthorized"),
        ("forbidden", 403, "Forbidden"),
        ("not_found", 404, "Not Found"),
        ("forbidden_200", 200, "Forbidden"),
    ):
        world.admin("meetings/change", meeting=GOOD, oembed=choice)
        answer = embed(world)
        assert (answer.status_code, answer.text) == (status, text)
    assert embed(world, "short").status_code == 400
    assert embed(world, "x" * 11).status_code == 404
    assert embed(world, SILENT, scheme="http").status_code == 403
    world.admin("meetings/change", meeting=SILENT, mode="private")
    assert embed(world, SILENT).status_code == 403


def test_7_entities_are_escaped_twice_durations_overlap_and_some_entries_are_empty(world: World) -> None:
    lines = [("Tom Brandt", 'We said "don\'t" & meant it. ' * 30)]
    video = world.admin("meetings", source="youtube", host="tom", lines=lines)["meetings"][0]["video"]
    text = world.get(tracks(world, video)[0]["baseUrl"].replace("&fmt=srv3", "")).text
    assert "&amp;#x27;" in text
    assert "&amp;amp;" in text
    rows = ElementTree.fromstring(text)
    assert any(not row.text for row in rows)
    spoken = [row for row in rows if row.text]
    assert "don't" in unescape(" ".join(row.text or "" for row in spoken))
    first, second = spoken[:2]
    assert float(first.attrib["start"]) + float(first.attrib["dur"]) > float(second.attrib["start"])


def test_8_an_upcoming_video_becomes_live_and_then_playable(world: World) -> None:
    world.admin("meetings/change", meeting=GOOD, mode="upcoming")
    assert play(world).json()["videoDetails"]["isUpcoming"]
    world.admin("meetings/change", meeting=GOOD, mode="live", transcript_calls=1)
    live = play(world).json()
    assert (live["videoDetails"]["isLive"], "captions" in live) == (True, False)
    assert tracks(world)


def test_9_an_answer_can_hang(world: World) -> None:
    world.fault(on="youtube.watch", delay=30)
    world.fault(on="youtube.timedtext", stall=30)
    with pytest.raises(httpx.ReadTimeout):
        world.get(f"/youtube/watch?v={GOOD}", timeout=0.2)
    with pytest.raises(httpx.ReadTimeout):
        world.get(f"/youtube/api/timedtext?v={GOOD}&lang=en", timeout=0.5)


def test_10_a_video_can_be_removed_after_its_title_was_read(world: World) -> None:
    change = {"path": "meetings/change", "when": "after", "body": {"meeting": GOOD, "mode": "unavailable"}}
    world.fault(on="youtube.oembed", admin=[change])
    assert embed(world).status_code == 200
    assert play(world).json()["playabilityStatus"]["status"] == "ERROR"
    assert embed(world).status_code == 404


def test_a_playlist_is_a_feed_and_a_page(world: World) -> None:
    videos = [row["video"] for row in world.meetings("youtube", "tom")]
    feed = ElementTree.fromstring(world.get(f"/youtube/feeds/videos.xml?playlist_id={ALL}").text)
    space = "{http://www.youtube.com/xml/schemas/2015}videoId"
    assert [each.text for each in feed.iter(space)] == videos
    world.admin("youtube/playlist", id="PLtwo", videos=[videos[3], videos[1], "gone0000000"])
    page = world.get("/youtube/playlist?list=PLtwo").text
    assert re.findall(r'"videoId": "([^"]+)"', page) == [videos[3], videos[1]]
    assert world.get("/youtube/feeds/videos.xml?playlist_id=PLnone").status_code == 404
    assert "does not exist" in world.get("/youtube/playlist?list=PLnone").text


def test_the_feed_shows_fifteen_and_the_page_all(world: World) -> None:
    world.admin("meetings", source="youtube", host="tom", copies=12)
    feed = world.get(f"/youtube/feeds/videos.xml?playlist_id={ALL}").text
    assert (feed.count("<entry>"), world.get(f"/youtube/playlist?list={ALL}").text.count('"videoId"')) == (
        15,
        19,
    )


def test_the_sound_comes_whole_or_in_part(world: World) -> None:
    url = play(world, SILENT).json()["streamingData"]["adaptiveFormats"][0]["url"]
    whole = world.get(url)
    part = world.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert whole.headers["content-type"] == "audio/mp4"
