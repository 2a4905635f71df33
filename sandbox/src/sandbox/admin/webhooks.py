"""Admin calls about webhooks: send, send again, set Zoom's endpoint up, take the app away."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.admin.commands import Nothing, command
from sandbox.fathom import webhooks as fathom
from sandbox.faults import Strict
from sandbox.meetings.catalogue import Meeting
from sandbox.webhooks.courier import Message
from sandbox.webhooks.signatures import Signature
from sandbox.world import World
from sandbox.zoom import webhooks as zoom
from sandbox.zoom.state import Hook


class Send(Strict):
    """One event about one call, as often and as wrong as wanted."""

    meeting: str | int
    event: str = "recording.completed"  # Zoom's
    files: list[str] | None = None  # Zoom: show files of these types alone, as one event for each variant does
    user: str | None = None  # Fathom: only to the webhooks of this user
    copies: int = 1  # the same message again, with the same id
    message_id: str | None = None  # Fathom: an id of an earlier message
    signature: Signature = "good"
    body: dict[str, Any] | None = None  # instead of the real one
    delay: float = 0
    retry: bool = True
    wait: bool = True  # answer after the first attempt


@command("webhooks/send", Send)
async def send(world: World, wanted: Send) -> Any:
    """To every endpoint that wants it."""
    await asyncio.sleep(wanted.delay)
    messages = _messages(world, wanted)
    for message in messages:
        for copy in range(wanted.copies):
            await _post(world, message, retry=wanted.retry and copy == 0, wait=wanted.wait)
    return {"webhooks": [message.report() for message in messages]}


def _messages(world: World, wanted: Send) -> list[Message]:
    meeting = world.meeting(wanted.meeting)
    if meeting.source == "zoom":
        body = wanted.body or zoom.body(world, wanted.event, meeting, wanted.files)
        return [zoom.message(world, hook, body, wanted.signature) for hook in [world.zoom.hook] if hook]
    return [
        fathom.message(
            world, to, meeting, message_id=wanted.message_id, signature=wanted.signature, body=wanted.body
        )
        for to in list(world.fathom.subscriptions.values())
        if wanted.user in (None, to.user) and fathom.wants(to, meeting)
    ]


async def announce(world: World, meeting: Meeting, events: list[str] | None = None) -> list[dict[str, Any]]:
    """What the provider sends by itself about a new call."""
    if meeting.source == "youtube":
        return []
    if events is None:
        events = ["recording.completed"]
        if world.transcript_state(meeting) == "ready":
            events.append("recording.transcript_completed")
    sent: list[Message] = []
    for event in events if meeting.source == "zoom" else [""]:
        for message in _messages(world, Send(meeting=meeting.uuid or meeting.id, event=event)):
            sent.append(await _post(world, message))  # noqa: PERF401  # in order, one after the other
    return [message.report() for message in sent]


async def _post(world: World, message: Message, *, retry: bool = True, wait: bool = True) -> Message:
    settings = world.settings
    scale = settings.zoom.webhook_scale if message.source == "zoom" else settings.fathom.webhook_scale
    return await world.courier.send(message, scale, retry=retry, wait=wait)


class Redeliver(Strict):
    """An earlier message by the id that `GET /admin/webhooks` shows."""

    id: str


@command("webhooks/redeliver", Redeliver)
async def redeliver(world: World, wanted: Redeliver) -> Any:
    """The same id and body once more."""
    message = next((m for m in world.courier.messages if m.id == wanted.id), None)
    if message is None:
        raise KeyError(wanted.id)
    return (await _post(world, message, retry=False)).report()


class Endpoint(Strict):
    """Where Zoom's events go."""

    url: str
    secret_token: str
    validate_now: bool = True


@command("zoom/webhook", Endpoint)
async def set_endpoint(world: World, wanted: Endpoint) -> Any:
    """Challenge the endpoint and remember it; challenge it again every 72 hours."""
    if world.zoom.hook and world.zoom.hook.task:
        world.zoom.hook.task.cancel()
    hook = world.zoom.hook = Hook(wanted.url, wanted.secret_token)
    hook.task = world.courier.start(zoom.challenge_for_ever(world, hook))
    return await zoom.challenge(world, hook) if wanted.validate_now else {"valid": False}


@command("zoom/challenge", Nothing)
async def challenge(world: World, _: Nothing) -> Any:
    """Challenge the endpoint now."""
    if world.zoom.hook is None:
        raise KeyError("zoom/webhook was not set")
    return await zoom.challenge(world, world.zoom.hook)


class Deauthorize(Strict):
    """A user removes the app."""

    user: str = "maya"
    client_id: str = "sandbox-client"
    webhook: bool = True


@command("zoom/deauthorize", Deauthorize)
async def deauthorize(world: World, wanted: Deauthorize) -> Any:
    """Their tokens die; the event is sent."""
    killed = world.oauth["zoom"].kill("revoked", wanted.user, wanted.client_id)
    sent = []
    if wanted.webhook and world.zoom.hook:
        body = zoom.deauthorized(wanted.user, wanted.client_id)
        sent.append((await _post(world, zoom.message(world, world.zoom.hook, body))).report())
    return {"killed": killed, "webhooks": sent}
