"""Meetings with their recordings as Zoom's API and webhooks write them."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Any

from sandbox.clock import iso
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS
from sandbox.world import World
from sandbox.zoom.files import File, entry, files, processing_entry
from sandbox.zoom.state import FileToken


def files_of(world: World, meeting: Meeting) -> list[File]:
    """What can be downloaded of the meeting now."""
    if meeting.processing:
        return []
    return files(meeting, transcript=world.transcript_state(meeting) == "ready")


def shape(world: World, meeting: Meeting, shown: list[File] | None = None) -> dict[str, Any]:
    """An entry of the list; `shown` limits it to some files, as events do."""
    host = USERS[meeting.host]
    world.zoom.owners |= {file.id: meeting.uuid for file in files_of(world, meeting)}
    found = files_of(world, meeting) if shown is None else shown
    return {
        "uuid": meeting.uuid,
        "id": meeting.id,
        "account_id": host.zoom_account,
        "host_id": host.zoom_id,
        "topic": meeting.title,
        "type": 8 if meeting.id < 80 * 10**9 else 2,
        "start_time": iso(meeting.started),
        "timezone": meeting.timezone,
        "duration": max(int(meeting.seconds // 60), 1),
        "total_size": sum(len(file.body) for file in found),
        "recording_count": len(found),
        "share_url": f"{world.base}/zoom/rec/share/{sha256(meeting.uuid.encode()).hexdigest()[:40]}",
        "recording_play_passcode": sha256(meeting.uuid.encode()).hexdigest()[-12:],
        "auto_delete": False,
        "auto_delete_date": "",
        "recording_files": [entry(world.base, meeting, file) for file in found]
        or ([processing_entry(meeting)] if meeting.processing else []),
    }


def file_token(world: World, meeting: Meeting, seconds: float) -> str:
    """A new token for the files of one meeting."""
    value = f"zf_{secrets.token_urlsafe(32)}"
    world.zoom.files[value] = FileToken(meeting.uuid, meeting.host, world.clock.now() + seconds)
    return value
