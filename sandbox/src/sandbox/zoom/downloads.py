"""GET download_url: a redirect to the second host, where no token is wanted."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.answers import Refused
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS
from sandbox.routes import world_of
from sandbox.world import World
from sandbox.zoom.auth import refused
from sandbox.zoom.files import File
from sandbox.zoom.shapes import files_of

SIGN_IN = "<!doctype html><html><head><title>Sign In - Zoom</title></head><body><h1>Sign In</h1></body></html>"


async def on_download(request: Request) -> Response:
    """302 for a good token; for a bad one 401, or the sign-in page with status 200."""
    world = world_of(request)
    found = _find(world, request.path_params["file"])
    if "access_token" in request.query_params and "authorization" not in request.headers:
        raise refused(401, 124, "Access tokens are not accepted in the query string.")
    if found is None or found[0].trashed:
        raise refused(404, 3301, "This recording does not exist.")
    if not _may_read(request, found[0]):
        if world.settings.zoom.bad_download_auth == "html":
            return HTMLResponse(SIGN_IN)
        raise refused(401, 124, "Invalid access token.")
    key = secrets.token_urlsafe(16)
    meeting, file = found
    world.zoom.links[key] = (meeting.uuid, file.id, world.clock.now() + world.settings.zoom.link_seconds)
    where = f"{world.storage_base}/zoom-storage/{file.id}.{file.extension.lower()}?signature={key}"
    return RedirectResponse(where, status_code=302)


def _find(world: World, file_id: str) -> tuple[Meeting, File] | None:
    """A file whose address was given out before."""
    owner = world.zoom.owners.get(file_id)
    meeting = world.meeting(owner) if owner else None
    if meeting is None or meeting.deleted:
        return None
    return next(((meeting, file) for file in files_of(world, meeting) if file.id == file_id), None)


def _may_read(request: Request, meeting: Meeting) -> bool:
    world = world_of(request)
    value = request.headers.get("authorization", "").removeprefix("Bearer ")
    own = world.zoom.files.get(value)
    if own is not None:
        return own.meeting == meeting.uuid and own.expires > world.clock.now()
    token = world.oauth["zoom"].find(value)
    if token is None or not world.oauth["zoom"].is_live(token):
        return False
    user, host = USERS[token.user], USERS[meeting.host]
    return user.key == host.key or (user.admin and user.zoom_account == host.zoom_account)


async def on_storage(request: Request) -> Response:
    """The bytes, for a link that is still good. The call log tells whether a token came along."""
    world = world_of(request)
    link = world.zoom.links.get(request.query_params.get("signature", ""))
    if link is None or link[2] <= world.clock.now():
        raise Refused(403, "<Error><Code>AccessDenied</Code></Error>", {"content-type": "application/xml"})
    found = _find(world, link[1])
    if found is None:
        raise Refused(404, "<Error><Code>NoSuchKey</Code></Error>", {"content-type": "application/xml"})
    name = f'attachment; filename="{found[1].id}.{found[1].extension.lower()}"'
    return Response(found[1].body, media_type=found[1].media_type, headers={"content-disposition": name})
