"""What every request is wrapped in: an id, a trace, safe headers, a limit, metrics, an end to surprises."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_gateway.problems import BODY_TOO_LARGE, INTERNAL_ERROR, respond
from pipeline_runtime import metrics, traces

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
JSON_LIMIT_BYTES = 64 * 1024

log = structlog.get_logger()


class Envelope:
    """Outermost of our own. `secure` adds what only makes sense over TLS."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        request_id = given.get("x-request-id", "")
        request_id = request_id if _ID.fullmatch(request_id) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        trace = traces.start(given.get("traceparent"))
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace.split("-")[1])
        try:
            await self._serve(scope, receive, send, request_id)
        finally:
            structlog.contextvars.unbind_contextvars("request_id", "trace_id", "owner")

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        begun = time.monotonic()
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(MutableHeaders(scope=message), scope["path"], request_id)
                _measure(scope, message["status"], time.monotonic() - begun)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.info("request.abandoned", route=_route(scope))
        except Exception:
            log.exception("request.failed", route=_route(scope))
            if not started:
                response = respond(Request(scope), INTERNAL_ERROR.error())
                await response(scope, receive, send_with_headers)

    def _add_headers(self, headers: MutableHeaders, path: str, request_id: str) -> None:
        headers["X-Request-ID"] = request_id
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if path.startswith("/api"):
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


def _measure(scope: Scope, status: int, seconds: float) -> None:
    """Up to the answer's first byte: event streams last for hours."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.REQUEST_SECONDS.labels(_route(scope), method, str(status)).observe(seconds)


def _route(scope: Scope) -> str:
    """The route's template, so that ids make no labels."""
    return getattr(scope.get("route"), "path", None) or "unmatched"


class BodyLimit:
    """Refuses bodies over a limit: that of the very path if it has one, none below the paths of `own`."""

    def __init__(
        self, app: ASGIApp, *, own: tuple[str, ...], limits: Mapping[str, int], limit: int = JSON_LIMIT_BYTES
    ) -> None:
        self._app = app
        self._own = own
        self._limits = limits
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes as the app reads them."""
        path = scope.get("path", "")
        if scope["type"] != "http" or (path.startswith(self._own) and path not in self._limits):
            await self._app(scope, receive, send)
            return
        limit = self._limits.get(path, self._limit)
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise BODY_TOO_LARGE.error()
            return message

        await self._app(scope, receive_counted, send)
