"""Trace ids: W3C `traceparent`, made where a request comes in and handed on in every message it causes."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

_SHAPE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def start(given: str | None = None) -> str:
    """Go on with the trace that came in, or begin one."""
    trace = (
        given if given and _SHAPE.fullmatch(given) else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    )
    _current.set(trace)
    return trace


def current() -> str | None:
    """The trace that we are in."""
    return _current.get()
