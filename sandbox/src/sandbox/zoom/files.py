"""Zoom's recording files: which there are, what is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sandbox.clock import iso
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.script import Line
from sandbox.meetings.sound import sound

CLOCK_GAP = 90.0  # seconds of pause between two recordings of one meeting


@dataclass(frozen=True)
class Part:
    """One recording of a meeting, from start to stop."""

    number: int
    begin: datetime
    end: datetime
    lines: list[Line]  # times count from this part's begin


@dataclass(frozen=True)
class File:
    """One file of one part."""

    id: str
    type: str
    extension: str
    recording_type: str
    part: Part
    body: bytes

    @property
    def media_type(self) -> str:
        """As the storage host gives it."""
        known = {"MP4": "video/mp4", "M4A": "audio/mp4", "VTT": "text/vtt", "TXT": "text/plain"}
        return known.get(self.extension, "application/json")


def parts(meeting: Meeting) -> list[Part]:
    """The meeting cut into its recordings."""
    size = -(-len(meeting.lines) // meeting.parts)
    made, begin = [], meeting.started
    for number in range(meeting.parts):
        lines = meeting.lines[number * size : (number + 1) * size]
        zero = lines[0].start - 1.5 if number else 0.0
        moved = [Line(x.speaker, x.text, round(x.start - zero, 2), round(x.end - zero, 2)) for x in lines]
        end = begin + timedelta(seconds=moved[-1].end + 3)
        made.append(Part(number, begin, end, moved))
        begin = end + timedelta(seconds=CLOCK_GAP)
    return made


def vtt(part: Part) -> str:
    """Cue numbers, CRLF, `Name: text`. A guest who is not signed in has no name in every seventh cue."""
    cues = ["WEBVTT\r\n"]
    for number, line in enumerate(part.lines, 1):
        name = "" if number % 7 == 0 and line.speaker == "Jonas Keller" else f"{line.speaker}: "
        cues.append(f"\r\n{number}\r\n{_clock(line.start)} --> {_clock(line.end)}\r\n{name}{line.text}\r\n")
    return "".join(cues)


def _clock(seconds: float) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3600000:02}:{millis // 60000 % 60:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"


def files(meeting: Meeting, *, transcript: bool) -> list[File]:
    """All files of the meeting; the transcript's only where it is there."""
    found = []
    for part in parts(meeting):
        found += [
            _file(meeting, part, "MP4", "MP4", "shared_screen_with_speaker_view", sound(meeting.audio, "mp4")),
            _file(meeting, part, "M4A", "M4A", "audio_only", sound(meeting.audio, "m4a")),
        ]
        if transcript:
            found.append(_file(meeting, part, "TRANSCRIPT", "VTT", "audio_transcript", vtt(part).encode()))
        if meeting.chat:
            found += _extras(meeting, part)
    return found


def _extras(meeting: Meeting, part: Part) -> list[File]:
    chat = f"00:01:10\t{meeting.people[-1].name}:\tI will send the link after the call.\r\n"
    timeline = json.dumps(
        {"timeline": [{"ts": "00:00:01.000", "users": [{"username": meeting.people[0].name}]}]}
    )
    summary = json.dumps({"overall_summary": meeting.title, "items": []})
    return [
        _file(meeting, part, "CHAT", "TXT", "chat_file", chat.encode()),
        _file(meeting, part, "TIMELINE", "JSON", "timeline", timeline.encode()),
        _file(meeting, part, "SUMMARY", "JSON", "summary", summary.encode()),
    ]


def _file(meeting: Meeting, part: Part, kind: str, extension: str, recording_type: str, body: bytes) -> File:
    # The name is stable over restarts of the same meeting, as real file ids are.
    digest = sha256(f"{meeting.uuid}/{part.number}/{kind}".encode()).hexdigest()
    file_id = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-9{digest[17:20]}-{digest[20:32]}"
    return File(file_id, kind, extension, recording_type, part, body)


def entry(base: str, meeting: Meeting, file: File) -> dict[str, Any]:
    """A row of recording_files. Timeline rows have no id and no size."""
    row = {
        "id": file.id,
        "meeting_id": meeting.uuid,
        "recording_start": iso(file.part.begin),
        "recording_end": iso(file.part.end),
        "file_type": file.type,
        "file_extension": file.extension,
        "file_size": len(file.body),
        "play_url": f"{base}/zoom/rec/play/{file.id}",
        "download_url": f"{base}/zoom/rec/download/{file.id}",
        "status": "completed",
        "recording_type": file.recording_type,
    }
    if file.type == "TIMELINE":
        del row["id"], row["file_size"]
    return row


def processing_entry(meeting: Meeting) -> dict[str, Any]:
    """The row that stands there while Zoom still works."""
    return {
        "id": "", "meeting_id": meeting.uuid, "recording_start": iso(meeting.started), "recording_end": "",
        "file_type": "", "file_extension": "", "file_size": 0, "status": "processing",
    }  # fmt: skip
