"""Captions, playlists and sound, by the libraries that know YouTube. They block: for threads."""

import json
import logging
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import youtube_transcript_api as library
from requests import RequestException

from pipeline_runtime.connectors import ItemProblem, Problem, Transient
from pipeline_runtime.connectors.libraries import LibrarySession, led
from pipeline_runtime.failures import SOURCE_UNAVAILABLE, SOURCE_UNREADABLE

REAL = "https://www.youtube.com"
_UPLOAD = "If it lasts, upload the recording as a file."
_SWITCH = "Import it with “Transcribe videos without captions” switched on to have its sound transcribed."
PLAYLIST = Problem(
    "playlist_unreadable", "This playlist is private or gone. Make it public or unlisted.", False
)
BLOCKED = Problem("youtube_blocked", f"YouTube refuses our server's requests for now. {_UPLOAD}", True)
CONSENT = Problem("youtube_consent", f"YouTube asks our server for a consent. {_UPLOAD}", True)
EMPTY = Problem("captions_empty", f"YouTube sent no captions where there are some. {_UPLOAD}", True)
NO_CAPTIONS = Problem("no_captions", f"This video has no captions. {_SWITCH}", False)
WITHHELD = Problem(
    "captions_withheld", f"YouTube keeps this video's captions to its own apps. {_SWITCH}", False
)
NO_SOUND = Problem("sound_withheld", f"YouTube does not hand out this video's sound. {_UPLOAD}", True)
PRIVATE = Problem("video_private", "This video is private. Make it public or unlisted, then import it.", False)
AGE = Problem("video_age_restricted", "This video is age-restricted. Upload the recording as a file.", False)
GONE = Problem("video_gone", "This video is not there: it was deleted, or the link is wrong.", False)
UNPLAYABLE = Problem("video_unplayable", "YouTube does not let us play this video.", False)
_WORDS = {
    "not a bot": BLOCKED, "error 429": BLOCKED, "playlist does not": PLAYLIST, "playlist type": PLAYLIST,
    "playlist is": PLAYLIST, "private": PRIVATE, "your age": AGE, "removed": GONE, "unavailable": GONE,
}  # fmt: skip
_KINDS: dict[type, Problem] = {
    library.RequestBlocked: BLOCKED, library.FailedToCreateConsentCookie: CONSENT, ParseError: EMPTY,
    library.TranscriptsDisabled: NO_CAPTIONS, library.PoTokenRequired: WITHHELD, library.AgeRestricted: AGE,
    library.YouTubeRequestFailed: SOURCE_UNAVAILABLE, RequestException: SOURCE_UNAVAILABLE,
    library.VideoUnavailable: GONE, library.VideoUnplayable: UNPLAYABLE, library.FetchedTranscript: NO_CAPTIONS,
}  # fmt: skip


def meaning(found: object, words: str, otherwise: Problem = SOURCE_UNREADABLE) -> ItemProblem:
    """Of an error, or of captions without words. YouTube's own words, in English, tell more than its kind."""
    if isinstance(found, ItemProblem):
        return found
    known = [problem for part, problem in _WORDS.items() if part in words.lower()]
    kinds = [problem for kind, problem in _KINDS.items() if isinstance(found, kind)]
    problem = [*known, *kinds, otherwise][0]
    return (Transient if problem.retryable else ItemProblem)(problem, words if problem is UNPLAYABLE else "")


def captions(base: str, video: str, wanted: str) -> tuple[Any, dict[str, Any], str]:
    """The captions or the error in their place, the player's answer, the watch page. Raises ValueError."""
    with LibrarySession(REAL, base) as session:
        try:
            found: Any = best([*library.YouTubeTranscriptApi(http_client=session).list(video)], wanted).fetch()
        except Exception as error:
            found = error
        return found, json.loads(session.pages.get("player", "{}")), session.pages.get("watch", "")


def best(tracks: list[library.Transcript], wanted: str) -> library.Transcript:
    """In the wanted language, else in the spoken one, which machine-made captions tell; hand-made first."""
    codes = {track: track.language_code.split("-")[0] for track in tracks}
    spoken = next((codes[track] for track in tracks if track.is_generated), None)
    return min(tracks, key=lambda track: (codes[track] != wanted, codes[track] != spoken, track.is_generated))


def extract(base: str, path: str, otherwise: Problem, folder: Path | None = None) -> Any:
    """What yt-dlp tells of a page; with a folder, it downloads the sound. Raises ItemProblem, Transient."""
    import yt_dlp  # type: ignore[import-untyped]  # half a second, and few need it

    options = {"quiet": True, "cachedir": False, "socket_timeout": 10, "logger": logging.getLogger("yt_dlp")}
    options |= {"extract_flat": "in_playlist", "format": "bestaudio[ext=m4a]/bestaudio/worst"}
    if folder:  # once it is gone nobody waits, and the look at it ends the download
        options |= {"outtmpl": f"{folder}/sound.%(ext)s", "progress_hooks": [lambda _: folder.stat()]}
    with yt_dlp.YoutubeDL(options) as client:
        client.urlopen = led(client.urlopen, REAL, base)
        try:
            return client.extract_info(REAL + path, download=folder is not None)
        except yt_dlp.DownloadError as error:
            raise meaning(error, str(error), otherwise) from error
