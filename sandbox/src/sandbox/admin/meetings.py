"""Admin calls about meetings: add, change, delete."""

from __future__ import annotations

import asyncio
import random
import secrets
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from sandbox.admin.commands import command
from sandbox.admin.webhooks import announce
from sandbox.clock import iso
from sandbox.faults import Strict
from sandbox.meetings import catalogue, script
from sandbox.meetings.catalogue import Meeting, Source, State
from sandbox.meetings.people import COLLEAGUES, FIRMS, GUESTS, USERS, Person
from sandbox.world import World


class Switches(Strict):
    """What can be set on a new meeting and changed on an old one. Unset: left as it is."""

    title: str | None = None
    listed: bool | None = None
    transcript: State | None = None
    transcript_after: float | None = None  # pending, and ready so many seconds from now
    transcript_calls: int | None = None  # pending for so many requests
    processing: bool | None = None
    trashed: bool | None = None
    deleted: bool | None = None
    media: bool | None = None
    limited: bool | None = None
    impromptu: bool | None = None
    language: str | None = None
    shared: str | None = None
    timezone: str | None = None
    parts: int | None = None
    chat: bool | None = None
    audio: str | None = None
    tracks: list[str] | None = None
    mode: str | None = None
    oembed: str | None = None


class Change(Switches):
    """`meeting` is an id, a UUID or a video id."""

    meeting: str | int


class Added(Switches):
    """A new call. Without lines, its dialogue comes from a plot."""

    source: Source = "fathom"
    host: str = "maya"
    people: list[str] = Field(default_factory=lambda: ["Elena Petrova", "Samir Haddad"])  # names
    plot: str = "discovery"
    asides: int = 3
    lines: list[tuple[str, str]] | None = None  # (speaker, text)
    ended_minutes_ago: float = 1
    started: AwareDatetime | None = None
    created: AwareDatetime | None = None
    id: int | None = None
    uuid: str | None = None
    video: str | None = None
    copies: int = 1  # so many meetings at once, an hour apart
    webhooks: bool = False


@command("meetings", Added)
async def add(world: World, added: Added) -> Any:
    """Add calls; announce them where asked."""
    made = [_made(world, added, number) for number in range(added.copies)]
    for meeting in made:
        _switch(world, meeting, added)
    world.meetings += made
    sent = [await announce(world, meeting) for meeting in made if added.webhooks]
    if added.webhooks and added.source == "zoom" and added.transcript_after is not None:
        for meeting in made:
            world.courier.start(_announce_transcript(world, meeting, added.transcript_after))
    return {
        "meetings": [report(world, meeting) for meeting in made],
        "webhooks": [each for some in sent for each in some],
    }


@command("meetings/change", Change)
async def change(world: World, wanted: Change) -> Any:
    """Set switches of one call."""
    meeting = world.meeting(wanted.meeting)
    _switch(world, meeting, wanted)
    return report(world, meeting)


class Which(Strict):
    """Names one call."""

    meeting: str | int


@command("meetings/delete", Which)
async def delete(world: World, wanted: Which) -> Any:
    """The provider has it no longer."""
    meeting = world.meeting(wanted.meeting)
    meeting.deleted = True
    return report(world, meeting)


def report(world: World, meeting: Meeting) -> dict[str, Any]:
    """A meeting for the admin."""
    return {
        "id": meeting.id, "source": meeting.source, "uuid": meeting.uuid, "video": meeting.video,
        "title": meeting.title, "host": meeting.host, "people": [p.name for p in meeting.people],
        "started": iso(meeting.started), "seconds": round(meeting.seconds), "lines": len(meeting.lines),
        "transcript": world.transcript_state(meeting), "listed": meeting.listed, "deleted": meeting.deleted,
        "trashed": meeting.trashed, "processing": meeting.processing, "parts": meeting.parts,
        "tracks": meeting.tracks, "shared": meeting.shared, "audio": meeting.audio, "mode": meeting.mode,
    }  # fmt: skip


async def _announce_transcript(world: World, meeting: Meeting, seconds: float) -> None:
    await asyncio.sleep(seconds)
    meeting.transcript = "ready"
    await announce(world, meeting, ["recording.transcript_completed"])


def _switch(world: World, meeting: Meeting, wanted: Switches) -> None:
    names = Switches.model_fields.keys() - {"transcript_after"}
    for name in names & wanted.model_fields_set:
        setattr(meeting, name, getattr(wanted, name))
    if wanted.transcript_after is not None:
        meeting.transcript, meeting.transcript_at = "pending", world.clock.now() + wanted.transcript_after
    elif wanted.transcript_calls is not None:
        meeting.transcript = "pending"


def _made(world: World, added: Added, number: int) -> Meeting:
    rng = random.Random(secrets.randbits(64) if added.lines else len(world.meetings) * 1000 + number)  # noqa: S311
    people = [USERS[added.host].person, *(_person(name) for name in added.people)]
    names = [person.name for person in people]
    lines = script.timed(added.lines) if added.lines else script.dialogue(added.plot, names, added.asides, rng)
    firm = next((FIRMS[p.domain] for p in people if p.domain in FIRMS), "Larkfield")
    meeting = Meeting(
        id=added.id or catalogue.new_id(added.source, rng),
        source=added.source,
        title=added.title or script.title(added.plot, {"firm": firm}, rng),
        host=added.host,
        people=people,
        started=world.clock.moment(),
        lines=lines,
        uuid=added.uuid
        or (catalogue.new_uuid(rng, len(world.meetings) + number) if added.source == "zoom" else ""),
        video=added.video or (secrets.token_urlsafe(8) if added.source == "youtube" else ""),
        tracks=["en:asr"] if added.source == "youtube" else [],
        created=added.created,
    )
    meeting.started = _begin(meeting, added) - timedelta(hours=number)
    if meeting.created is None and added.started is None:
        meeting.created = meeting.ended  # it is in the list at once
    return meeting


def _begin(meeting: Meeting, added: Added) -> datetime:
    ago = timedelta(minutes=added.ended_minutes_ago, seconds=meeting.seconds)
    return added.started or meeting.started - ago


def _person(name: str) -> Person:
    known = {p.name: p for p in (*COLLEAGUES, *GUESTS, *(user.person for user in USERS.values()))}
    return USERS[name].person if name in USERS else known.get(name, Person(name, None))
