"""Answers that providers really give when they refuse, by name, for rules."""

from __future__ import annotations

from typing import Any

TOO_FAST = {
    "code": 429,
    "message": "You have reached the maximum per-second rate limit for this API. Try again later.",
}
TOO_MANY = {"code": 429, "message": "You have reached the maximum daily rate limit for this API."}


def _openai(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


PRESETS: dict[str, dict[str, Any]] = {
    "html.500": {"status": 500},
    "html.502": {"status": 502},
    "html.503": {"status": 503},
    "fathom.429": {
        "status": 429,
        "body": "Too Many Requests",
        "retry_after": {"kind": "seconds", "seconds": 1},
    },
    "fathom.401": {"status": 401, "body": "Unauthorized"},
    "zoom.429": {"status": 429, "body": TOO_FAST},
    "zoom.429_reset": {"status": 429, "body": TOO_FAST, "retry_after": {"kind": "reset-unix", "seconds": 1}},
    "zoom.429_daily": {"status": 429, "body": TOO_MANY, "retry_after": {"kind": "iso-date", "seconds": 3600}},
    "zoom.401": {"status": 401, "body": {"code": 124, "message": "Invalid access token."}},
    "zoom.3301": {"status": 404, "body": {"code": 3301, "message": "This recording does not exist."}},
    "zoom.invalid_grant": {"status": 400, "body": {"reason": "Invalid Token!", "error": "invalid_grant"}},
    "youtube.429": {
        "status": 429,
        "body": "<html><body>Our systems have detected unusual traffic.</body></html>",
    },
    "youtube.recaptcha": {"status": 200, "body": '<html><div class="g-recaptcha"></div></html>'},
    "openai.429": {
        "status": 429,
        "body": _openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
        "retry_after": {"kind": "seconds", "seconds": 1},
    },
    "openai.429_no_header": {
        "status": 429,
        "body": _openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
        "headers": {"x-ratelimit-reset-requests": "1.2s"},
    },
    "openai.insufficient_quota": {
        "status": 429,
        "body": _openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    },
    "openai.500": {"status": 500, "body": _openai("The server had an error.", "server_error", None)},
    "openai.503": {"status": 503, "body": _openai("That model is overloaded.", "server_error", None)},
}
