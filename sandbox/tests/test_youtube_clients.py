"""The real youtube-transcript-api and the real yt-dlp run against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from requests.adapters import HTTPAdapter
from youtube_transcript_api import (
    AgeRestricted,
    FailedToCreateConsentCookie,
    IpBlocked,
    NoTranscriptFound,
    PoTokenRequired,
    RequestBlocked,
    TranscriptsDisabled,
    VideoUnavailable,
    VideoUnplayable,
    YouTubeDataUnparsable,
    YouTubeRequestFailed,
    YouTubeTranscriptApi,
)
from yt_dlp import YoutubeDL
from yt_dlp.networking import Request

from .conftest import World
from .test_youtube import ALL, GOOD, SILENT

REAL = "https://www.youtube.com"


class Rewriting(HTTPAdapter):
    """Sends what is meant for YouTube to the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        request.url = (request.url or "").replace(REAL, self.base)
        return super().send(request, **{**kwargs, "timeout": 10, "proxies": {}})


@pytest.fixture
def api(world: World) -> Any:
    with requests.Session() as session:
        session.mount(REAL, Rewriting(f"{world.base}/youtube"))
        yield YouTubeTranscriptApi(http_client=session)


def test_the_library_lists_and_fetches_tracks(api: YouTubeTranscriptApi) -> None:
    found = api.list(GOOD)
    assert [(t.language_code, t.is_generated) for t in found] == [("en", False), ("de", False), ("en", True)]
    text = api.fetch(GOOD)
    assert (text.language_code, text.is_generated) == ("en", False)
    assert len(text) > 20
    assert text[0].start < text[1].start < text[0].start + text[0].duration
    german = api.list(GOOD).find_transcript(["en"]).translate("de").fetch()
    assert german[0].text.startswith("[de]")


def test_the_library_reads_machine_made_captions(api: YouTubeTranscriptApi) -> None:
    text = api.fetch("pT0dR5nY-2c")
    assert text.is_generated
    assert "." not in text[0].text


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("unavailable", VideoUnavailable),
        ("private", VideoUnplayable),
        ("members", VideoUnplayable),
        ("upcoming", VideoUnplayable),
        ("age", AgeRestricted),
        ("bot", RequestBlocked),
        ("disabled", TranscriptsDisabled),
        ("live", TranscriptsDisabled),
        ("po_token", PoTokenRequired),
        ("empty", ElementTree.ParseError),
    ],
)
def test_every_state_raises_its_exception(
    world: World, api: YouTubeTranscriptApi, mode: str, error: type[Exception]
) -> None:
    world.admin("meetings/change", meeting=GOOD, mode=mode)
    with pytest.raises(error):
        api.fetch(GOOD)


def test_missing_languages_and_videos_without_captions_differ(api: YouTubeTranscriptApi) -> None:
    with pytest.raises(NoTranscriptFound):
        api.fetch("zF9_aGk2CqU")
    assert api.fetch("zF9_aGk2CqU", languages=["fr"])[0].text
    with pytest.raises(TranscriptsDisabled):
        api.fetch(SILENT)


@pytest.mark.parametrize("place", ["watch", "player", "timedtext"])
def test_a_429_at_any_step_is_a_blocked_address(world: World, api: YouTubeTranscriptApi, place: str) -> None:
    world.admin("settings", youtube={"blocked": "429", "blocked_at": [place], "blocked_tries": 1})
    with pytest.raises(IpBlocked):
        api.fetch(GOOD)
    assert api.fetch(GOOD)


def test_riddles_changed_pages_and_server_errors_differ(world: World, api: YouTubeTranscriptApi) -> None:
    world.fault(on="youtube.watch", answer="youtube.recaptcha")
    with pytest.raises(IpBlocked):
        api.fetch(GOOD)
    world.fault(on="youtube.player", answer="html.503")
    with pytest.raises(YouTubeRequestFailed):
        api.fetch(GOOD)
    world.admin("settings", youtube={"webpage": "changed"})
    with pytest.raises(YouTubeDataUnparsable):
        api.fetch(GOOD)


def test_the_library_gets_past_the_consent_page_once_or_never(world: World, api: YouTubeTranscriptApi) -> None:
    world.admin("settings", youtube={"consent_page": "once"})
    assert api.fetch(GOOD)
    assert world.count("youtube.watch") == 2
    world.admin("settings", youtube={"consent_page": "always"})
    with pytest.raises(FailedToCreateConsentCookie):
        api.fetch(GOOD)


class Redirected(YoutubeDL):
    """yt-dlp whose requests to YouTube go to the sandbox."""

    base = ""

    def urlopen(self, req: Any) -> Any:
        request = Request(req) if isinstance(req, str) else req
        request.url = request.url.replace(REAL, self.base)
        assert request.url.startswith("http://127.0.0.1"), request.url
        return super().urlopen(request)


class Quiet:
    """Takes yt-dlp's words and keeps them."""

    def debug(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def error(self, text: str) -> None: ...


def downloader(world: World, **options: Any) -> YoutubeDL:
    made = Redirected({"quiet": True, "logger": Quiet(), "cachedir": False, **options})
    made.base = f"{world.base}/youtube"
    return made


def test_yt_dlp_reads_a_playlist_flat(world: World) -> None:
    with downloader(world, extract_flat="in_playlist") as client:
        found = client.extract_info(f"{REAL}/playlist?list={ALL}", download=False)
        rows = [(each["id"], each["title"]) for each in found["entries"]]
    assert rows == [(row["video"], row["title"]) for row in world.meetings("youtube", "tom")]
    assert world.count("youtube.player") == 0


def test_yt_dlp_downloads_the_sound_of_a_video(world: World, tmp_path: Path) -> None:
    with downloader(world, format="bestaudio", outtmpl=str(tmp_path / "sound.%(ext)s")) as client:
        found = client.extract_info(f"{REAL}/watch?v={SILENT}", download=True)
    assert found["title"] == "Bright Harbor: site visit"
    assert (tmp_path / "sound.m4a").read_bytes() == world.get(f"/youtube/videoplayback?id={SILENT}").content


def test_yt_dlp_finds_the_sound_at_the_sandboxs_own_address(world: World, tmp_path: Path) -> None:
    with downloader(world, outtmpl=str(tmp_path / "sound.%(ext)s")) as client:
        client.extract_info(f"{world.base}/youtube/watch?v={SILENT}", download=True)
    assert (tmp_path / "sound.mp4").stat().st_size > 50_000
