"""Every error of a server that speaks OpenAI's protocol, as a problem of our catalogue.

The server's own words are read, and never handed on: they may carry parts of a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from pipeline_runtime.failures import (
    ENGINE_MODEL_MISSING,
    ENGINE_QUOTA_EXHAUSTED,
    ENGINE_RATE_LIMITED,
    ENGINE_REFUSED,
    ENGINE_UNAUTHORISED,
    ENGINE_UNAVAILABLE,
    LANGUAGE_NOT_SUPPORTED,
    TOO_LONG_FOR_ENGINE,
    ItemProblem,
    Transient,
)

_USED_UP = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_TOO_LONG = re.compile(r"longer than|too long|maximum.{0,40}(duration|length)|exceeds?.{0,40}(duration|length)")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class FormatRefused(Exception):
    """This model does not answer in the form that was asked for."""


def problem_of(error: openai.APIError) -> ItemProblem:
    """What an error means for the item; Transient where another try may help.

    Raises FormatRefused where only the answer's form was refused.
    """
    if isinstance(error, openai.APITimeoutError):
        return Transient(ENGINE_UNAVAILABLE, "It did not answer in time.")
    if not isinstance(error, openai.APIStatusError):
        return Transient(ENGINE_UNAVAILABLE)
    status, headers = error.status_code, error.response.headers
    detail = f"(HTTP {status})"
    if status == 429:
        if {error.code, error.type} & _USED_UP:
            return ItemProblem(ENGINE_QUOTA_EXHAUSTED, detail)
        return Transient(ENGINE_RATE_LIMITED, detail, retry_after=retry_after(headers))
    if status >= 500 or status in (408, 409, 425):
        return Transient(ENGINE_UNAVAILABLE, detail, retry_after=retry_after(headers))
    permanent = {
        401: ENGINE_UNAUTHORISED,
        403: ENGINE_UNAUTHORISED,
        404: ENGINE_MODEL_MISSING,
        413: TOO_LONG_FOR_ENGINE,
    }
    if status in permanent:
        return ItemProblem(permanent[status], detail)
    return _problem_of_request(error, detail)


def _problem_of_request(error: openai.APIStatusError, detail: str) -> ItemProblem:
    """400 and its like: the request was understood and is not wanted."""
    words = _words(error.body)
    if error.param == "response_format" or "response_format" in words or "verbose_json" in words:
        raise FormatRefused
    if error.code == "model_not_found" or error.param == "model":
        return ItemProblem(ENGINE_MODEL_MISSING, detail)
    if error.param == "language" or "unsupported language" in words:
        return ItemProblem(LANGUAGE_NOT_SUPPORTED, detail)
    if _TOO_LONG.search(words):
        return ItemProblem(TOO_LONG_FOR_ENGINE, detail)
    return ItemProblem(ENGINE_REFUSED, detail)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; None where it does not say.

    `retry-after-ms`, `retry-after` (seconds or a date), else when the used-up budget of
    `x-ratelimit-*` is full again.
    """
    if (wait := _number(headers.get("retry-after-ms"))) is not None:
        return wait / 1000
    told = headers.get("retry-after")
    if told:
        wait = _number(told)
        return wait if wait is not None else _until(told)
    resets = [
        duration(headers.get(f"x-ratelimit-reset-{kind}"))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}", "0") == "0"
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def duration(text: str | None) -> float | None:
    """`1.2s`, `20ms`, `6m0s` or plain seconds, in seconds; None for anything else."""
    if not text:
        return None
    if (plain := _number(text)) is not None:
        return plain
    parts = _DURATION_PART.findall(text)
    if "".join(value + unit for value, unit in parts) != text.strip():
        return None
    return sum(float(value) * _UNITS[unit] for value, unit in parts)


def _until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _words(body: Any) -> str:
    """The server's message, wherever it puts it: `error.message`, `error` or `detail`."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = (inner.get("message") or inner.get("detail")) if isinstance(inner, dict) else inner
    return str(body or "").lower()
