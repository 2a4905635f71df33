"""How Zoom answers, as far as its connector asks: for `callvault connector check zoom`.

See https://developers.zoom.us/docs/api/meetings/
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from callvault.provider import Asked, Call, Owner, Provider


def uuid(call: Call) -> str:
    """Of a meeting: base64, which paths do not like."""
    return f"+{call.number}A=="


def row(call: Call) -> dict[str, Any]:
    """A meeting with recordings."""
    return {
        "uuid": uuid(call),
        "id": call.number,
        "account_id": _company(call.owner),
        "host_id": call.owner.id,
        "topic": call.title,
        "start_time": call.started_at.isoformat(),
        "duration": round((call.ended_at - call.started_at).total_seconds() / 60),
    }


def listing(asked: Asked) -> dict[str, Any]:
    """A month at most, in days; Zoom would give up to 300 a page."""
    query = asked.query
    page = asked.page(
        since=query["from"],
        until=f"{query['to']}T23:59:59.999999",
        cursor=query.get("next_page_token"),
        size=10,
    )
    return {
        "from": query["from"], "to": query["to"], "next_page_token": page.next or "", "meetings": page.rows,
    }  # fmt: skip


def recordings(asked: Asked, call: Call) -> dict[str, Any]:
    """A meeting with its files."""
    transcript = {
        "file_type": "TRANSCRIPT",
        "recording_type": "audio_transcript",
        "recording_start": call.started_at.isoformat(),
        "recording_end": call.ended_at.isoformat(),
        "file_size": len(_vtt(call).encode()),
        "download_url": f"{asked.address}/rec/download/{quote(uuid(call), safe='')}",
    }
    return row(call) | {"share_url": "https://zoom.us/rec/share/x", "recording_files": [transcript]}


def download(_: Asked, call: Call) -> str:
    """A transcript's file."""
    return _vtt(call)


def me(asked: Asked) -> dict[str, Any]:
    """Who asks, and since when they have been at Zoom."""
    joined = datetime.now(UTC) - timedelta(days=60)
    return {
        "id": asked.owner.id, "email": asked.owner.email, "account_id": _company(asked.owner),
        "created_at": joined.isoformat(),
    }  # fmt: skip


def pushed(call: Call) -> dict[str, Any]:
    """The transcript is there."""
    payload = {"account_id": _company(call.owner), "object": row(call)}
    return {"event": "recording.transcript_completed", "payload": payload}


def _company(owner: Owner) -> str:
    return f"company-of-{owner.id}"


def _vtt(call: Call) -> str:
    cues = (f"{_clock(one.start)} --> {_clock(one.end)}\n{one.speaker}: {one.text}\n" for one in call.lines)
    return "WEBVTT\n\n" + "\n".join(cues)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}"


PROVIDER = Provider(
    row=row,
    id=uuid,
    listing={"GET /users/me/recordings": listing},
    item={"GET /meetings/{id}/recordings": recordings},
    others={"GET /users/me": me},
    open={"GET /rec/download/{id}": download},
    pushed=pushed,
    gone={"code": 3301, "message": "There is no recording for this meeting."},
)
