"""A transcript as a file: plain text, WebVTT, JSON."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from ingest_gateway.problems import NO_TIMES
from ingest_gateway.schemas.recordings import RecordingWithTranscript, Transcript, TranscriptFormat

LONGEST_NAME = 120
MEDIA_TYPES: dict[TranscriptFormat, str] = {
    "txt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
}
_UNSAFE = re.compile(r'[<>:"/\\|?*%]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # of Windows


@dataclass(frozen=True)
class Download:
    """A file that is handed out. `disposition` is the header that gives it its name."""

    content: str
    media_type: str
    disposition: str


def make_download(call: RecordingWithTranscript, kind: TranscriptFormat) -> Download:
    """Raises no_times for subtitles of a transcript that has none."""
    write = {"txt": _text, "vtt": _subtitles, "json": _json}[kind]
    return Download(write(call), MEDIA_TYPES[kind], _disposition(f"{safe_name(call.title)}.{kind}"))


def safe_name(title: str) -> str:
    """A file's name that every system takes, without an ending; `transcript` where nothing is left."""
    plain = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in title)
    name = " ".join(_UNSAFE.sub(" ", plain).split())[:LONGEST_NAME].strip(". ")
    return f"_{name}" if _RESERVED.match(name) else name or "transcript"


def _disposition(name: str) -> str:
    """In RFC 6266's two ways: one that old programs read, one with all letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = plain if not plain.startswith(".") else f"transcript{plain}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _text(call: RecordingWithTranscript) -> str:
    head = f"{' '.join(call.title.split())}\n{call.recording_start_time:%Y-%m-%d %H:%M} UTC\n\n"
    missing = [(gap.start, f"(missing until {_clock(gap.end)[:8]})") for gap in call.gaps]
    if not call.segments:
        return "\n".join([head + call.full_transcript, *map(_line, missing)]) + "\n"
    spoken = [(one.start, f"{one.speaker}: {one.text}" if one.speaker else one.text) for one in call.segments]
    return head + "\n".join(map(_line, sorted(spoken + missing, key=lambda line: line[0]))) + "\n"


def _line(line: tuple[float, str]) -> str:
    """With the time when it begins."""
    return f"[{_clock(line[0])[:8]}] {' '.join(line[1].split())}"


def _subtitles(call: RecordingWithTranscript) -> str:
    """WebVTT. Text is escaped, and a cue is one line: an empty one would end it. Gaps are notes."""
    if not call.segments:
        raise NO_TIMES.error()
    cues = ["WEBVTT"]
    cues += [f"NOTE Missing from {_clock(gap.start)} to {_clock(gap.end)}" for gap in call.gaps]
    for one in call.segments:
        voice = f"<v {_escaped(one.speaker)}>" if one.speaker else ""
        end = max(one.end, one.start + 0.001)
        cues.append(f"{_clock(one.start)} --> {_clock(end)}\n{voice}{_escaped(one.text)}")
    return "\n\n".join(cues) + "\n"


def _json(call: RecordingWithTranscript) -> str:
    told = call.model_dump(include=set(Transcript.model_fields))
    return Transcript(**told, text=call.full_transcript).model_dump_json(indent=1)


def _escaped(text: str) -> str:
    line = " ".join(text.split())
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float) -> str:
    """HH:MM:SS.mmm."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
