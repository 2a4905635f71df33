"""GET /meetings, /recordings/{id}/transcript and /summary, and the lists of people."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused
from sandbox.fathom import shapes
from sandbox.fathom.auth import Caller, caller
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS, User
from sandbox.routes import world_of
from sandbox.world import World

HEAVY = {"include_transcript", "include_summary"}
EXTRAS = (*shapes.INCLUDES, "include_highlights")


def can_see(user: User, meeting: Meeting) -> bool:
    """Own meetings, and those that the team shares."""
    return meeting.host == user.key or (USERS[meeting.host].team == user.team and meeting.shared != "no_teams")


async def on_meetings(request: Request) -> Response:
    """Pages by number, hidden in an opaque cursor: a new meeting shifts the ones behind it."""
    world, query = world_of(request), request.query_params
    include = {name for name in EXTRAS if query.get(name, "").lower() in ("true", "1")}
    who = caller(request, "heavy" if include & HEAVY else "global")
    include = _allowed(world, who, include)
    wanted = _filter(request)
    found = [m for m in world.of("fathom") if m.listed and can_see(who.user, m) and wanted(m)]
    page, size = _page_number(query.get("cursor")), world.settings.fathom.page_size
    items = found[(page - 1) * size : page * size]
    more = len(found) > page * size
    body = {
        "limit": size,
        "next_cursor": _cursor(page + 1) if more else None,
        "items": [shapes.shape(world, meeting, include) for meeting in items],
    }
    return JSONResponse(body)


def _allowed(world: World, who: Caller, include: set[str]) -> set[str]:
    choice = world.settings.fathom.oauth_includes
    if not (who.oauth and include & HEAVY) or choice == "allow":
        return include
    if choice == "omit":
        return include - HEAVY
    text = "include_transcript and include_summary are not available to OAuth apps"
    raise Refused(400, {"error": text})


def _filter(request: Request) -> Callable[[Meeting], bool]:
    query = request.query_params
    after, before = _moment(query.get("created_after")), _moment(query.get("created_before"))
    hosts, groups = query.getlist("recorded_by[]"), query.getlist("teams[]")
    domains, kind = (
        query.getlist("calendar_invitees_domains[]"),
        query.get("calendar_invitees_domains_type", "all"),
    )

    def matches(meeting: Meeting) -> bool:
        host = USERS[meeting.host]
        appeared = meeting.appeared.replace(microsecond=0)
        return (
            (after is None or appeared >= after)
            and (before is None or appeared <= before)
            and (not hosts or host.email in hosts)
            and (not groups or host.group in groups)
            and (not domains or any(p.domain in domains for p in meeting.people))
            and kind in ("all", shapes.domains_type(meeting))
            and query.get("meeting_type") is None
        )

    return matches


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refused(400, {"error": f"not an ISO 8601 date: {text}"}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cursor(page: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"page_num": page}).encode()).decode()


def _page_number(cursor: str | None) -> int:
    if cursor is None:
        return 1
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["page_num"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise Refused(400, {"error": "invalid cursor"}) from None


def recording(world: World, who: Caller, wanted: str) -> Meeting:
    """A recording that the caller may see, or 404."""
    try:
        meeting = world.meeting(wanted)
    except KeyError:
        raise Refused(404, "Not Found") from None
    if meeting.source != "fathom" or meeting.deleted or not can_see(who.user, meeting):
        raise Refused(404, "Not Found")
    return meeting


async def on_transcript(request: Request) -> Response:
    """The transcript, or a promise to post it to `destination_url`."""
    who = caller(request, "heavy")
    world, meeting = world_of(request), recording(world_of(request), who, request.path_params["id"])
    if world.transcript_state(meeting, asked=True) != "ready":
        return _not_ready(world)
    return _given(request, meeting, {"transcript": shapes.transcript(meeting)})


async def on_summary(request: Request) -> Response:
    """The summary, in the same two ways."""
    who = caller(request, "heavy")
    world, meeting = world_of(request), recording(world_of(request), who, request.path_params["id"])
    ready = world.transcript_state(meeting, asked=True) == "ready"
    return _given(request, meeting, {"summary": shapes.summary(meeting) if ready else None})


def _not_ready(world: World) -> Response:
    choice = world.settings.fathom.not_ready
    if choice == "404":
        raise Refused(404, "Not Found")
    return JSONResponse({"transcript": [] if choice == "empty" else None})


def _given(request: Request, meeting: Meeting, body: dict[str, Any]) -> Response:
    """Now, or posted when a destination was named, after the answer has gone out."""
    url, courier = request.query_params.get("destination_url"), world_of(request).courier
    if url is None:
        return JSONResponse(body)

    async def post() -> None:
        courier.start(courier.http.post(url, json={"recording_id": meeting.id, **body}))

    return JSONResponse({"destination_url": url}, background=BackgroundTask(post))


async def on_people(request: Request) -> Response:
    """/teams, /team_members, /meeting_types, /users: one page each."""
    who, kind = caller(request), request.url.path.rsplit("/", 1)[1]
    if kind == "users" and not who.user.admin:
        raise Refused(403, "Forbidden")
    colleagues = [user for user in USERS.values() if user.team == who.user.team]
    created = "2026-01-05T09:00:00Z"
    lists: dict[str, list[dict[str, Any]]] = {
        "teams": [{"name": group, "created_at": created} for group in sorted({u.group for u in colleagues})],
        "meeting_types": [],
    }
    members = _members(request, colleagues)
    people = [{"name": u.name, "email": u.email, "created_at": created, "status": "active"} for u in members]
    body = {"limit": 50, "next_cursor": None, "items": lists.get(kind, people)}
    return JSONResponse(body)


def _members(request: Request, colleagues: list[User]) -> list[User]:
    group = request.query_params.get("team")
    return [user for user in colleagues if group in (None, user.group)]
