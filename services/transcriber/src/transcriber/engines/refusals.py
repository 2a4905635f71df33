"""Every error of a server that speaks OpenAI's protocol, as a problem of our catalogue.

The server's own words are read, and never handed on: they may carry parts of a key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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
    ItemProblem,
    Transient,
)
from transcriber.engines.engine import PartTooLong

_USED_UP = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_TOO_LONG = re.compile(r"longer than|too long|maximum.{0,40}(duration|length)|exceeds?.{0,40}(duration|length)")
_SECONDS = re.compile(r"longer than (\d{1,6})(?:\.\d+)? seconds")
_OF_BYTES = 0.95  # of the limit that a server tells: the request around the file counts too
_BYTES = re.compile(r"limit \((\d{1,12})\)")
_NAMED_IN_WORDS = {"response_format", "timestamp_granularities"}
"""Options whose refusal servers put into words alone."""
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class OptionRefused(Exception):
    """The server takes the sound, but not this option of the request; `response_format` is one."""

    def __init__(self, option: str) -> None:
        super().__init__(option)
        self.option = option


class ModelGone(ItemProblem):
    """The server does not have this model, or not any more. `is_certain`: it said so by its code."""

    def __init__(self, detail: str, *, is_certain: bool) -> None:
        super().__init__(ENGINE_MODEL_MISSING, detail)
        self.is_certain = is_certain


def problem_of(error: openai.APIError, sent: Collection[str] = (), *, has_ended: bool = False) -> ItemProblem:
    """What an error means for the item; Transient where another try may help. Also PartTooLong and ModelGone.

    `has_ended`: the provider has announced that the model is gone by now. Raises OptionRefused where only
    an option of those that were `sent` was refused.
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
    if status == 413:  # its type says server_error, and it is not one
        told = _told(_BYTES, error)
        return PartTooLong(detail, max_bytes=int(_OF_BYTES * told) if told else None)
    if status in (404, 410) or error.code == "model_not_found":
        return ModelGone(detail, is_certain=has_ended or status == 410 or error.code == "model_not_found")
    if status in (401, 403):
        gone = has_ended and status == 403
        return ModelGone(detail, is_certain=True) if gone else ItemProblem(ENGINE_UNAUTHORISED, detail)
    problem = _problem_of_request(error, detail, sent)
    return ModelGone(detail, is_certain=True) if has_ended and problem.code == ENGINE_REFUSED.code else problem


def _problem_of_request(error: openai.APIStatusError, detail: str, sent: Collection[str]) -> ItemProblem:
    """400 and its like: the request was understood and is not wanted."""
    words, param = _words(error.body), str(error.param or "").removesuffix("[]")
    if param in sent:
        raise OptionRefused(param)
    if param == "model":
        return ModelGone(detail, is_certain=False)
    if param == "language" or "unsupported language" in words:
        return ItemProblem(LANGUAGE_NOT_SUPPORTED, detail)
    if _TOO_LONG.search(words):
        return PartTooLong(detail, max_seconds=_told(_SECONDS, error))
    for option in _NAMED_IN_WORDS & set(sent):
        if not param and (option in words or (option == "response_format" and "verbose_json" in words)):
            raise OptionRefused(option)
    return ItemProblem(ENGINE_REFUSED, detail)


def _told(pattern: re.Pattern[str], error: openai.APIStatusError) -> int | None:
    """The limit in the server's words, a whole number of seconds or bytes; None where there is none."""
    found = pattern.search(_words(error.body))
    return int(found[1]) if found and int(found[1]) > 0 else None


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
