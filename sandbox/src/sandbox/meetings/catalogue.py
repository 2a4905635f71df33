"""The meetings that every new world begins with, made from a seed and the day the process started."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from sandbox.meetings.people import COLLEAGUES, FIRMS, GUESTS, USERS, Person
from sandbox.meetings.script import Line, data, dialogue, title

STARTED = datetime.fromtimestamp(time.time(), UTC)
Source = Literal["fathom", "zoom", "youtube"]
State = Literal["ready", "pending", "never"]
ODD_UUIDS = ("/{}==", "{}//{}==", "{}+{}==", "{}/{}==", "//{}==")


@dataclass
class Meeting:
    """A call with everything a provider may say of it. Switches can be changed while the world runs."""

    id: int  # Fathom's recording id, Zoom's meeting number (shared by the calls of a series)
    source: Source
    title: str
    host: str  # key of a user
    people: list[Person]  # everybody who was there, the host first
    started: datetime
    lines: list[Line]
    uuid: str = ""  # Zoom
    video: str = ""  # YouTube
    tracks: list[str] = field(default_factory=list)  # YouTube: "en:asr", "de:manual"
    audio: str = "harbour"  # which of our speech files stands for its sound
    language: str = "en"
    shared: str = "no_teams"
    impromptu: bool = False
    timezone: str = "Europe/Lisbon"
    parts: int = 1  # Zoom: recordings between which the host paused
    chat: bool = False
    transcript: State = "ready"
    transcript_at: float | None = None  # pending until then, by the world's clock
    transcript_calls: int | None = None  # pending for so many requests for it
    listed: bool = True  # False: known by id, and not yet in the list
    processing: bool = False
    trashed: bool = False
    deleted: bool = False
    media: bool = True
    limited: bool = False  # Fathom: a share that may not be downloaded
    created: datetime | None = None
    mode: str = "ok"  # YouTube: how the player answers
    oembed: str = "ok"

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.lines[-1].end + 4 if self.lines else 60.0

    @property
    def ended(self) -> datetime:
        """When it was over."""
        return self.started + timedelta(seconds=self.seconds)

    @property
    def appeared(self) -> datetime:
        """When the provider had it: a few minutes after its end."""
        return self.created or self.ended + timedelta(minutes=3)


def meetings(seed: int) -> list[Meeting]:
    """A fresh copy of all meetings, newest first."""
    return [replace(meeting, tracks=list(meeting.tracks)) for meeting in _meetings(seed)]


@cache
def _meetings(seed: int) -> list[Meeting]:
    rows = data("meetings")
    made = [make(row, random.Random(f"{seed}/{number}"), number) for number, row in enumerate(rows)]  # noqa: S311
    return sorted(made, key=lambda meeting: meeting.started, reverse=True)


def make(row: dict[str, Any], rng: random.Random, number: int) -> Meeting:
    """A meeting from a row of meetings.json (or an admin call); `number` keeps ids apart."""
    people = [USERS[row["host"]].person, *(_person(who) for who in row["who"].split())]
    firm = next((FIRMS[p.domain] for p in people if p.domain in FIRMS), "Larkfield")
    started = STARTED.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=row["days"])
    plot: str = row["plot"]
    lines = dialogue(plot, [person.name for person in people], row["asides"], rng)
    extra = {key: row[key] for key in row.keys() & _EXTRA}
    serial = 20_000_000_000 + row["series"] if "series" in row else None
    audio = plot.removeprefix("spoken:") if plot.startswith("spoken:") else rng.choice(sorted(data("spoken")))
    return Meeting(
        id=serial or new_id(row["source"], rng),
        source=row["source"],
        title=title(plot, {"firm": firm}, rng),
        host=row["host"],
        people=people,
        started=started + timedelta(hours=row["hour"]),
        lines=lines,
        uuid=new_uuid(rng, number) if row["source"] == "zoom" else "",
        audio=audio,
        **extra,
    )


_EXTRA = {
    "video", "tracks", "language", "shared", "impromptu", "timezone", "parts", "chat", "transcript",
}  # fmt: skip


def new_id(source: str, rng: random.Random) -> int:
    """A number as the provider gives them: nine digits at Fathom, eleven at Zoom."""
    return rng.randint(10**8, 10**9 - 1) if source == "fathom" else rng.randint(8 * 10**10, 9 * 10**10)


def new_uuid(rng: random.Random, number: int) -> str:
    """A Zoom UUID; some begin with a slash or hold two, as real ones do."""
    plain = base64.b64encode(rng.randbytes(16)).decode().replace("/", "a").rstrip("=")
    shape = ODD_UUIDS[number % 8] if number % 8 < len(ODD_UUIDS) else "{}=="
    holes = shape.count("{}")
    taken = 22 - (len(shape) - 2 * holes - 2)
    cut = taken // 2 if holes == 2 else taken
    return shape.format(plain[:cut], plain[cut:taken])


def _person(who: str) -> Person:
    if who in USERS:
        return USERS[who].person
    return {"c": COLLEAGUES, "g": GUESTS}[who[0]][int(who[1:])]
