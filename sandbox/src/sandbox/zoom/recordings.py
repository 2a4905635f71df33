"""GET /users/{id}/recordings, /meetings/{id}/recordings and /meetings/{id}/transcript."""

from __future__ import annotations

import secrets
from datetime import UTC, date, timedelta
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.clock import iso
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS, User
from sandbox.routes import world_of
from sandbox.world import World
from sandbox.zoom.auth import caller, named, refused
from sandbox.zoom.shapes import file_token, files_of, shape
from sandbox.zoom.state import PageToken

LIST = "cloud_recording:read:list_user_recordings"
FILES = "cloud_recording:read:list_recording_files"
TRANSCRIPT = "cloud_recording:read:meeting_transcript"
MOST = 300


async def on_list(request: Request) -> Response:
    """Whole UTC days, at most a month of them, in pages that a token opens for fifteen minutes."""
    user, headers = caller(request, "medium", LIST, "recording:read")
    world, query = world_of(request), request.query_params
    user = named(user, request.path_params["id"])
    size = _page_size(world, query.get("page_size"))
    trash = query.get("trash", "").lower() == "true"
    first, last = _window(world, query.get("from"), query.get("to"))
    found = [m for m in _meetings(world, user, trash=trash) if trash or _within(world, m, first, last)]
    asked = f"{first}/{last}/{trash}"
    offset = _offset(world, user, asked, query.get("next_page_token"))
    shown = found[offset : offset + size]
    more = offset + size < len(found)
    body = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "page_count": -(-len(found) // size),
        "page_size": size,
        "total_records": len(found),
        "next_page_token": _page_token(world, user, asked, offset + size) if more else "",
        "meetings": [shape(world, meeting) for meeting in shown],
    }
    return JSONResponse(body, headers=headers)


def _meetings(world: World, user: User, *, trash: bool) -> list[Meeting]:
    found = [m for m in world.of("zoom") if m.host == user.key and m.trashed == trash and m.listed]
    return sorted(found, key=lambda meeting: meeting.started, reverse=True)


def _page_size(world: World, text: str | None) -> int:
    try:
        size = int(text) if text else 30
    except ValueError:
        size = 0
    if size < 1 or (size > MOST and world.settings.zoom.page_size_over == "refuse"):
        errors = [{"field": "page_size", "message": f"Invalid field: must be between 1 and {MOST}."}]
        raise refused(400, 300, "Validation Failed.", errors=errors)
    return min(size, MOST)


def _window(world: World, first: str | None, last: str | None) -> tuple[date, date]:
    """`from` defaults to today; a window over a month keeps its end and loses its beginning."""
    today = world.clock.moment().date()
    try:
        end = date.fromisoformat(last) if last else today
        begin = date.fromisoformat(first) if first else today
    except ValueError:
        errors = [{"field": "from", "message": "Invalid field: the date must be yyyy-mm-dd."}]
        raise refused(400, 300, "Validation Failed.", errors=errors) from None
    return max(begin, _month_before(end)), end


def _month_before(day: date) -> date:
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def _within(world: World, meeting: Meeting, first: date, last: date) -> bool:
    day = meeting.started.astimezone(UTC).date()
    return first <= day and (day <= last if world.settings.zoom.to_inclusive else day < last)


def _page_token(world: World, user: User, asked: str, offset: int) -> str:
    value = secrets.token_urlsafe(24)
    expires = world.clock.now() + world.settings.zoom.page_token_seconds
    world.zoom.pages[value] = PageToken(user.key, asked, offset, expires)
    return value


def _offset(world: World, user: User, asked: str, value: str | None) -> int:
    if not value:
        return 0
    token = world.zoom.pages.get(value)
    if token is None or token.expires <= world.clock.now() or (token.user, token.query) != (user.key, asked):
        raise refused(400, 300, "The next page token is invalid or expired.")
    return token.offset


def wanted(request: Request) -> str:
    """The meeting that a path names, as a gateway sees it: decoded once, double slashes lost."""
    raw = request.scope["raw_path"].decode("ascii").partition("?")[0]
    path = unquote(raw)
    while "//" in path:
        path = path.replace("//", "/")
    middle = path.partition("/zoom/v2/meetings/")[2]
    return unquote(middle.rpartition("/")[0])


def _meeting(request: Request, user: User) -> Meeting:
    world, name = world_of(request), wanted(request)
    try:
        meeting = world.meeting(name)
    except KeyError:
        raise refused(404, 3001, f"Meeting does not exist: {name}.") from None
    host = USERS[meeting.host]
    allowed = host.key == user.key or (user.admin and host.zoom_account == user.zoom_account)
    if meeting.source != "zoom" or not allowed:
        raise refused(404, 3001, f"Meeting does not exist: {name}.")
    return meeting


async def on_meeting(request: Request) -> Response:
    """One meeting with its files, and a token for them where it was asked for."""
    user, headers = caller(request, "light", FILES, "recording:read")
    world, query, meeting = world_of(request), request.query_params, _meeting(request, user)
    if meeting.deleted or meeting.trashed or meeting.processing:
        raise refused(404, 3301, "This recording does not exist.", headers)
    body = shape(world, meeting) | {"password": "", "participant_audio_files": []}
    if "download_access_token" in query.get("include_fields", ""):
        body["download_access_token"] = file_token(world, meeting, _ttl(world, query.get("ttl")))
    return JSONResponse(body, headers=headers)


def _ttl(world: World, text: str | None) -> float:
    if text is None:
        return world.settings.zoom.download_token_seconds
    if not text.isdigit() or int(text) > 7 * 86400:
        errors = [{"field": "ttl", "message": "Invalid field: 0 to 604800."}]
        raise refused(400, 300, "Validation Failed.", errors=errors)
    return int(text)


async def on_transcript(request: Request) -> Response:
    """Whether there is a transcript, and where."""
    user, headers = caller(request, "medium", TRANSCRIPT, "recording:read")
    world, meeting = world_of(request), _meeting(request, user)
    state = world.transcript_state(meeting, asked=True)
    body: dict[str, Any] = {
        "meeting_id": meeting.uuid,
        "account_id": USERS[meeting.host].zoom_account,
        "meeting_topic": meeting.title,
        "host_id": USERS[meeting.host].zoom_id,
        "transcript_created_time": "",
        "can_download": False,
        "auto_delete": False,
        "auto_delete_date": "",
        "download_url": "",
    }
    reasons = {"pending": "NOT_READY", "never": "NO_TRANSCRIPT_DATA"}
    reason = "DELETED_OR_TRASHED" if meeting.deleted or meeting.trashed else reasons.get(state)
    if reason is None:
        file = next(f for f in files_of(world, meeting) if f.type == "TRANSCRIPT")
        world.zoom.owners[file.id] = meeting.uuid
        body |= {
            "transcript_created_time": iso(meeting.appeared),
            "can_download": True,
            "download_url": f"{world.base}/zoom/rec/download/{file.id}",
        }
    else:
        body["download_restriction_reason"] = reason
    return JSONResponse(body, headers=headers)
