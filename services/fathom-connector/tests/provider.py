"""How Fathom answers, as far as its connector asks: for `callvault connector check fathom`.

See https://developers.fathom.ai
"""

from __future__ import annotations

from typing import Any

from callvault.provider import Asked, Call, Provider


def row(call: Call) -> dict[str, Any]:
    """A meeting."""
    return {
        "recording_id": call.number,
        "title": call.title,
        "meeting_title": call.title,
        "created_at": call.ended_at.isoformat(),
        "recording_start_time": call.started_at.isoformat(),
        "recording_end_time": call.ended_at.isoformat(),
        "url": f"https://fathom.video/calls/{call.number}",
        "share_url": f"https://fathom.video/share/{call.number}",
        "shared_with": "no_teams",
        "recorded_by": {"name": "Maren Holt", "email": call.owner.email},
        "calendar_invitees": [],
        "transcript_language": "en",
    }


def listing(asked: Asked) -> dict[str, Any]:
    """Ten a page; the cursor is a place in the list."""
    query = asked.query
    page = asked.page(
        since=query.get("created_after"), until=query.get("created_before"), cursor=query.get("cursor")
    )
    return {"limit": 10, "next_cursor": page.next, "items": page.rows}


def words(_: Asked, call: Call) -> dict[str, Any]:
    """The transcript of a recording."""
    return {"transcript": _lines(call)}


def hook(asked: Asked) -> dict[str, Any]:
    """A webhook is made for the account."""
    return {
        "id": f"hook-{asked.owner.id}",
        "url": asked.body["destination_url"],
        "secret": asked.owner.webhook_secret,
    }


def pushed(call: Call) -> dict[str, Any]:
    """ "New meeting content ready": the meeting with its words."""
    return row(call) | {"transcript": _lines(call)}


def _lines(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "speaker": {"display_name": line.speaker},
            "text": line.text,
            "timestamp": f"00:00:{int(line.start) % 60:02}",
        }
        for line in call.lines
    ]


PROVIDER = Provider(
    row=row,
    listing={"GET /meetings": listing},
    item={"GET /recordings/{id}/transcript": words},
    others={"POST /webhooks": hook},
    pushed=pushed,
)
