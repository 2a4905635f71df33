"""POST /recordings/{id}/download, the polls after it, and the file behind its link."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused
from sandbox.clock import iso
from sandbox.fathom.auth import Caller, caller
from sandbox.fathom.meetings import recording
from sandbox.fathom.state import Download
from sandbox.meetings.sound import sound
from sandbox.routes import world_of
from sandbox.world import World


async def on_download(request: Request) -> Response:
    """202: the file is being made, or is there."""
    who = caller(request, "download")
    world, meeting = world_of(request), recording(world_of(request), who, request.path_params["id"])
    if meeting.limited:
        raise Refused(403, "Forbidden")
    if not meeting.media:
        raise Refused(422, "Unprocessable Entity")
    expires = world.clock.now() + world.settings.fathom.download_seconds
    made = Download(f"dl_{secrets.token_hex(8)}", meeting.id, who.user.key, who.client, expires=expires)
    world.fathom.downloads[made.id] = made
    return JSONResponse(_shape(world, made), 202)


async def on_poll(request: Request) -> Response:
    """Only the client that asked may look."""
    who = caller(request)
    world = world_of(request)
    made = _found(world, who, request.path_params["download"])
    made.polls += 1
    return JSONResponse(_shape(world, made))


def _found(world: World, who: Caller, download_id: str) -> Download:
    made = world.fathom.downloads.get(download_id)
    if made is None or (made.user, made.client) != (who.user.key, who.client):
        raise Refused(404, "Not Found")
    return made


def _shape(world: World, made: Download) -> dict[str, Any]:
    settings = world.settings.fathom
    body: dict[str, Any] = {"download_id": made.id, "recording_id": made.recording, "status": "processing"}
    if made.polls < settings.download_polls:
        return body
    expired = settings.download_result == "expired" or made.expires <= world.clock.now()
    body["status"] = "expired" if expired else settings.download_result
    if body["status"] == "failed":
        body["failure_reason"] = "generation_failed"
    if body["status"] == "completed":
        audio = sound(world.meeting(made.recording).audio, "m4a")
        body["audio"] = {
            "url": f"{world.base}/fathom/media/{made.id}.m4a",
            "content_type": "audio/mp4",
            "file_size_bytes": len(audio),
            "expires_at": iso(datetime.fromtimestamp(made.expires, UTC)),
        }
    return body


async def on_media(request: Request) -> Response:
    """The link needs no token, and dies."""
    world = world_of(request)
    made = world.fathom.downloads.get(request.path_params["download"])
    if made is None or made.expires <= world.clock.now():
        raise Refused(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
    return Response(sound(world.meeting(made.recording).audio, "m4a"), media_type="audio/mp4")
