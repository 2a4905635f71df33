"""OpenAI's error bodies, keys and rate headers."""

from __future__ import annotations

import secrets
from math import ceil
from typing import Any

from starlette.requests import Request

from sandbox.answers import Refused
from sandbox.routes import world_of

INVALID = "invalid_request_error"


def error(
    status: int,
    message: str,
    *,
    kind: str = INVALID,
    param: str | None = None,
    code: str | None = None,
    **more: Any,
) -> Refused:
    """`{"error": {message, type, param, code}}`."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}, **more}
    return Refused(status, body, {"x-request-id": f"req_{secrets.token_hex(12)}"})


def not_found(model: str) -> Refused:
    """A model that is not served, or not any more."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return error(404, text, code="model_not_found")


def authorized(request: Request) -> None:
    """Check the key."""
    settings = world_of(request).settings.openai
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        raise error(401, "You didn't provide an API key.")
    if key not in settings.api_keys and not settings.any_key:
        text = f"Incorrect API key provided: {key[:3]}***. You can find your API key in your account settings."
        raise error(401, text, code="invalid_api_key")


def counted(request: Request) -> dict[str, str]:
    """The headers of an answer; 429 where limits are on. Reset times are written `1.2s` or `20ms`."""
    world = world_of(request)
    settings, limit = world.settings.openai, world.settings.openai.requests_per_minute
    hit = world.limits.hit("openai", limit if settings.limits else 10**9, 60, world.clock.now())
    headers = {
        "x-request-id": f"req_{secrets.token_hex(12)}",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(hit.remaining if settings.limits else limit - 1),
        "x-ratelimit-reset-requests": duration(hit.reset) if settings.limits else "20ms",
    }
    if not hit.allowed:
        refused = error(429, "Rate limit reached for requests", kind="requests", code="rate_limit_exceeded")
        refused.headers |= {**headers, "retry-after": str(ceil(hit.reset))}
        raise refused
    return headers


def duration(seconds: float) -> str:
    """`20ms`, `1.2s`, `1m3s`."""
    if (millis := round(seconds * 1000)) < 1000:
        return f"{millis}ms"
    return f"{seconds:.1f}s" if round(seconds, 1) < 60 else f"{round(seconds) // 60}m{round(seconds) % 60}s"
