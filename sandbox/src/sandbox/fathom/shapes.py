"""Meetings as Fathom's API and webhooks write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.clock import iso
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS, Person
from sandbox.world import World

INCLUDES = ("include_transcript", "include_summary", "include_action_items", "include_crm_matches")
QUARTER = 15  # minutes: the slot that is invented for a call nobody planned


def clock(seconds: float) -> str:
    """`HH:MM:SS`, cut down to the second."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def transcript(meeting: Meeting) -> list[dict[str, Any]]:
    """Speakers by display name, times in whole seconds, no ends."""
    emails = {person.name: person.email for person in meeting.people}
    return [
        {
            "speaker": {
                "display_name": line.speaker,
                **(
                    {"matched_calendar_invitee_email": emails[line.speaker]} if emails.get(line.speaker) else {}
                ),
            },
            "text": line.text,
            "timestamp": clock(line.start),
        }
        for line in meeting.lines
    ]


def summary(meeting: Meeting) -> dict[str, Any]:
    """Always English, with links into the recording."""
    points = "\n".join(f"- {line.text}" for line in meeting.lines[1:6:2])
    return {"template_name": "General", "markdown_formatted": f"## {meeting.title}\n\n{points}\n"}


def action_items(meeting: Meeting) -> list[dict[str, Any]]:
    """The last turn, made into something to do."""
    line = meeting.lines[-1]
    who = next((p for p in meeting.people if p.name == line.speaker), meeting.people[0])
    return [
        {
            "description": f"Follow up: {line.text}",
            "user_generated": False,
            "completed": False,
            "recording_timestamp": clock(line.start),
            "recording_playback_url": f"https://fathom.video/calls/{meeting.id}?timestamp={int(line.start)}",
            "assignee": {"name": who.name, "email": who.email, "team": _group(who)},
        }
    ]


def highlights(meeting: Meeting) -> list[dict[str, Any]]:
    """One of the turns."""
    line = meeting.lines[len(meeting.lines) // 2]
    return [
        {
            "type": "key_moment",
            "summary": line.text,
            "start_time": line.start,
            "end_time": line.end,
            "text": line.text,
        }
    ]


def shape(world: World, meeting: Meeting, include: set[str]) -> dict[str, Any]:
    """One meeting with the wanted extras."""
    settings, host = world.settings.fathom, USERS[meeting.host]
    begin, end = _slot(meeting)
    body: dict[str, Any] = {
        "title": meeting.title,
        "meeting_title": None if meeting.impromptu else meeting.title,
        "meeting_type": None,
        "recording_id": meeting.id,
        "url": f"https://fathom.video/calls/{meeting.id}",
        "share_url": f"https://fathom.video/share/{meeting.id:x}",
        "meeting_url": None,
        "created_at": iso(meeting.appeared),
        "scheduled_start_time": iso(begin),
        "scheduled_end_time": iso(end),
        "recording_start_time": iso(meeting.started),
        "recording_end_time": iso(meeting.ended),
        "calendar_invitees_domains_type": domains_type(meeting),
        "transcript_language": meeting.language,
        "calendar_invitees": [_invitee(person, host.person) for person in meeting.people],
        "recorded_by": {
            "name": host.name, "email": host.email, "email_domain": host.person.domain, "team": host.group,
        },
        "shared_with": "the_whole_world" if settings.unknown_enum else meeting.shared,
        "transcript": None,
        "default_summary": None,
        "action_items": None,
        "crm_matches": {"error": "No CRM connected"} if "include_crm_matches" in include else None,
    }  # fmt: skip
    if settings.extra_field:
        body["sandbox_mood"] = {"score": 0.7, "trend": ["up"]}
    if "include_highlights" in include:
        body["highlights"] = highlights(meeting)
    if world.transcript_state(meeting) == "ready":
        made = {"transcript": transcript, "action_items": action_items}
        body |= {key: make(meeting) for key, make in made.items() if f"include_{key}" in include}
        if "include_summary" in include:
            body["default_summary"] = summary(meeting)
    elif "include_transcript" in include and settings.not_ready == "empty":
        body["transcript"] = []
    return body


def domains_type(meeting: Meeting) -> str:
    """Whether somebody from outside was invited."""
    home = USERS[meeting.host].person.domain
    inside = all(person.domain in (None, home) for person in meeting.people)
    return "only_internal" if inside else "one_or_more_external"


def _slot(meeting: Meeting) -> tuple[Any, Any]:
    if not meeting.impromptu:
        return meeting.started, meeting.started + timedelta(minutes=30 if meeting.seconds < 1800 else 60)
    begin = meeting.started - timedelta(minutes=meeting.started.minute % QUARTER)
    return begin, begin + timedelta(minutes=QUARTER)


def _invitee(person: Person, host: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "email": person.email,
        "email_domain": person.domain,
        "is_external": person.domain != host.domain,
        "matched_speaker_display_name": person.name,
    }


def _group(person: Person) -> str | None:
    return next((user.group for user in USERS.values() if user.email == person.email), None)
