"""Live progress."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import TOO_MANY_STREAMS, documented
from ingest_gateway.stream import Stream

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 30.0
DRAIN_SECONDS = 3.0
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events by name, with data as StreamEvents has it: `snapshot`, `progress`, `activity`, "
        "`source`, `attempt`, `connector`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

log = structlog.get_logger()
router = APIRouter(tags=["events"])


class EventStream(EventSourceResponse):
    """An event stream that gives up on a client which takes nothing for half a minute."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("stream.ended", reason="client takes nothing")


@router.get(
    "/api/events", summary="Follow imports live", response_class=EventStream,
    responses=_STREAM | documented(TOO_MANY_STREAMS),
)  # fmt: skip
async def follow(request: Request, caller: CallerParam, deps: DepsParam) -> EventStream:
    """Server-sent events: first a snapshot, then progress with rising versions, and what tasks do.

    Also: accounts that change, tries at connecting and how they end, connectors that come and go.

    Nothing is replayed on `Last-Event-ID`: every connection begins with a fresh snapshot.
    """
    deps.hub.require_room(caller.user)
    stream = Stream(request, caller, deps)
    return EventStream(
        stream.events(),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_SECONDS,
        data_sender_callable=stream.end_when_draining,
        shutdown_event=stream.draining,
        shutdown_grace_period=DRAIN_SECONDS,
    )
