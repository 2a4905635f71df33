"""Answers that a well-behaved framework does not give: cut, short, stalled, refused."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

CONNECTION = "sandbox.connection"
"""Where in an ASGI scope the connection's transport stands."""


class Refused(Exception):  # it is an answer more than an error
    """A handler's way to answer with an error from anywhere."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}

    def response(self) -> Response:
        """Text bodies stay text; everything else is JSON."""
        if isinstance(self.body, str):
            return Response(self.body, self.status, self.headers, "text/plain")
        return JSONResponse(self.body, self.status, self.headers)


def html_error(status: int, headers: dict[str, str] | None = None) -> Response:
    """What a load balancer says when there is nobody behind it."""
    title = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}.get(status, "Error")
    text = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return HTMLResponse(text, status, headers)


async def cut(scope: Scope) -> None:
    """Drop the connection at once. What was not sent is never seen."""
    scope["extensions"][CONNECTION].abort()
    await asyncio.sleep(0)  # the server learns of it before it looks for an answer
    await asyncio.sleep(0)


class Cut(Response):
    """No answer at all: the peer sees a reset connection."""

    def __init__(self) -> None:
        super().__init__(status_code=599)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Sends nothing."""
        await cut(scope)


class Broken(Response):
    """A share of another answer's body, then a pause, then the rest or a cut."""

    def __init__(self, whole: Response, share: float, pause: float, end: bool) -> None:
        super().__init__(status_code=whole.status_code)
        self.whole, self.share, self.pause, self.end = whole, share, pause, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the first part, waits, and sends or drops the rest."""

        async def part(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] != "http.response.body" or not body:
                await send(message)
                return
            split = int(len(body) * self.share)
            await send({"type": "http.response.body", "body": body[:split], "more_body": True})
            await asyncio.sleep(self.pause)
            if self.end:
                await cut(scope)
                return
            await send({**message, "body": body[split:]})

        await self.whole(scope, receive, part)


def shortened(whole: Response, share: float) -> Response:
    """An answer that ends early and says nothing of it: its length is that of what is left."""
    body = bytes(whole.body)
    headers = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
    return Response(body[: int(len(body) * share)], whole.status_code, headers)
