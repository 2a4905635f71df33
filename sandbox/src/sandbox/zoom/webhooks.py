"""Zoom's events: their bodies, the challenge of the endpoint, deliveries."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx

from sandbox.clock import iso
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS
from sandbox.webhooks.courier import Message
from sandbox.webhooks.signatures import Signature, zoom
from sandbox.world import World
from sandbox.zoom.shapes import file_token, files_of, shape
from sandbox.zoom.state import Hook

SCHEDULE = [0.0, 300, 1200, 3600]  # three retries, each counted from the one before; then the event is lost


def body(world: World, event: str, meeting: Meeting, types: list[str] | None = None) -> dict[str, Any]:
    """An event about one meeting, showing its files of some types; each event has its own usual ones."""
    if event.startswith("recording.batch_"):
        return _batch(event, meeting)
    found = files_of(world, meeting)
    if types is not None:
        found = [file for file in found if file.type in types]
    elif event == "recording.transcript_completed":
        found = [file for file in found if file.type == "TRANSCRIPT"]
    elif event == "recording.completed":
        found = [file for file in found if file.type != "TRANSCRIPT"]
    host = USERS[meeting.host]
    what = shape(world, meeting, found) | {
        "host_email": host.email, "password": "", "participant_audio_files": [], "on_prem": False,
    }  # fmt: skip
    made: dict[str, Any] = {
        "event": event,
        "event_ts": int(time.time() * 1000),
        "payload": {"account_id": host.zoom_account, "object": what},
    }
    if event in ("recording.completed", "recording.transcript_completed"):
        made["download_token"] = file_token(world, meeting, world.settings.zoom.download_token_seconds)
    return made


def _batch(event: str, meeting: Meeting) -> dict[str, Any]:
    host = USERS[meeting.host]
    rows = [{"meeting_uuid": meeting.uuid, "recording_file_ids": []}]
    payload = {"account_id": host.zoom_account, "operator": host.email, "object": {"meetings": rows}}
    return {"event": event, "event_ts": int(time.time() * 1000), "payload": payload}


def deauthorized(user: str, client_id: str) -> dict[str, Any]:
    """The event after a user removed the app."""
    at, who = time.time(), USERS[user]
    payload = {
        "account_id": who.zoom_account, "user_id": who.zoom_id, "signature": secrets.token_hex(32),
        "deauthorization_time": iso(datetime.now(UTC)), "client_id": client_id, "user_data_retention": "false",
    }  # fmt: skip
    return {"event": "app_deauthorized", "event_ts": int(at * 1000), "payload": payload}


def message(world: World, hook: Hook, what: dict[str, Any], signature: Signature = "good") -> Message:
    """Ready to be sent. Zoom's bodies carry no id; ours is for the admin alone."""
    raw = json.dumps(what, ensure_ascii=False).encode()
    sign = zoom(hook.secret, signature)
    name = f"zm_{secrets.token_hex(8)}"
    return Message(name, "zoom", what["event"], hook.url, raw, sign, SCHEDULE, world.settings.zoom.deadline)


async def challenge(world: World, hook: Hook) -> dict[str, Any]:
    """Ask the endpoint to prove that it knows the secret. Says what it answered."""
    plain = secrets.token_urlsafe(16)
    what = {
        "payload": {"plainToken": plain},
        "event_ts": int(time.time() * 1000),
        "event": "endpoint.url_validation",
    }
    raw = json.dumps(what).encode()
    headers = {"content-type": "application/json", **zoom(hook.secret, "good")(raw, time.time())}
    proof = hmac.new(hook.secret.encode(), plain.encode(), sha256).hexdigest()
    hook.challenges += 1
    hook.valid = False
    said: dict[str, Any] = {"status": None, "error": None}
    try:
        async with asyncio.timeout(world.settings.zoom.deadline):
            response = await world.courier.http.post(hook.url, content=raw, headers=headers)
        right = {"plainToken": plain, "encryptedToken": proof}
        hook.valid = response.status_code == 200 and _json(response) == right
        said = {"status": response.status_code, "error": None if hook.valid else "wrong answer"}
    except (TimeoutError, httpx.HTTPError) as error:
        said["error"] = type(error).__name__
    return {"valid": hook.valid, **said}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


async def challenge_for_ever(world: World, hook: Hook) -> None:
    """Every 72 hours, scaled as the deliveries are."""
    while True:
        settings = world.settings.zoom
        await asyncio.sleep(after := settings.challenge_hours * 3600 * settings.webhook_scale)
        await challenge(world, hook)
        hook.pauses.append(after)
