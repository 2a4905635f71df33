"""A world's videos: found by id, with the state that they are in now."""

from __future__ import annotations

import re
from datetime import UTC
from urllib.parse import parse_qs, urlsplit

from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS
from sandbox.world import World

CHANNEL = "Larkfield Talks"
CHANNEL_ID = "UClarkfieldtalks00000000"
ALL = "PLlarkfieldtalks000000000000000001"
"""The playlist of all videos."""
ID = re.compile(r"[0-9A-Za-z_-]{11}")
WAITING = ("upcoming", "live")


def find(world: World, video: str) -> Meeting | None:
    """The video of that id, unless it was deleted."""
    return next((m for m in world.of("youtube") if m.video == video), None)


def mode(world: World, meeting: Meeting, *, asked: bool = False) -> str:
    """How it can be played. One that waits for its time becomes playable when its transcript is due."""
    due = meeting.transcript_at is not None or meeting.transcript_calls is not None
    if meeting.mode in WAITING and due and world.transcript_state(meeting, asked=asked) == "ready":
        meeting.mode = "ok"
    return meeting.mode


def playlist(world: World, name: str) -> list[Meeting] | None:
    """The videos of a playlist in its order; None when there is none."""
    if name == ALL:
        return [m for m in world.of("youtube") if m.listed]
    if name not in world.youtube.playlists:
        return None
    return [found for video in world.youtube.playlists[name] if (found := find(world, video))]


def author(meeting: Meeting) -> str:
    """Who put it there."""
    return f"{CHANNEL} ({USERS[meeting.host].name})"


def published(meeting: Meeting) -> str:
    """`2026-10-14T12:03:00+00:00`, as the feed has it."""
    return meeting.appeared.astimezone(UTC).replace(microsecond=0).isoformat()


def id_of(url: str) -> str | None:
    """The id in a watch, short, embed or youtu.be address."""
    parts = urlsplit(url)
    tail = parts.path.rstrip("/").rpartition("/")[2]
    found = parse_qs(parts.query).get("v", [tail])[0]
    return found if ID.fullmatch(found) else None
