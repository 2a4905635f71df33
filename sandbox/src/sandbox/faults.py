"""Rules that spoil answers: after so many calls of an endpoint, so many times, in this way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatch
from itertools import count
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from starlette.responses import JSONResponse, Response

from sandbox.answers import Broken, Cut, html_error, shortened
from sandbox.clock import iso
from sandbox.presets import PRESETS

Proceed = Callable[[], Awaitable[Response]]
Act = Callable[["Action"], Awaitable[Any]]
_numbers = count(1)


class Strict(BaseModel):
    """An unknown key in an admin call is a typing error, and said."""

    model_config = ConfigDict(extra="forbid")


class RetryAfter(Strict):
    """How a 429 tells when to come back, each as one of the providers (or nobody) does."""

    kind: Literal["seconds", "http-date", "iso-date", "reset-unix", "reset-seconds", "duration", "ms", "none"]
    seconds: float = 1

    def headers(self) -> dict[str, str]:
        """The header that says so; none for kind `none`."""
        at = datetime.now(UTC) + timedelta(seconds=self.seconds)
        return {
            "seconds": {"Retry-After": str(int(self.seconds))},
            "http-date": {"Retry-After": format_datetime(at, usegmt=True)},
            "iso-date": {"Retry-After": iso(at)},
            "reset-unix": {"X-RateLimit-Reset": str(int(at.timestamp()))},
            "reset-seconds": {"RateLimit-Reset": str(int(self.seconds))},
            "duration": {"x-ratelimit-reset-requests": f"{self.seconds:g}s"},
            "ms": {"retry-after-ms": str(int(self.seconds * 1000))},
            "none": {},
        }[self.kind]


class Answer(Strict):
    """An answer instead of the real one, or the name of a preset. Without a body it is an HTML page."""

    status: int
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: RetryAfter | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """A string names one of the presets."""
        if isinstance(given, str):
            if given not in PRESETS:
                raise ValueError(f"no preset {given}: there are {', '.join(PRESETS)}")
            return PRESETS[given]
        return given

    def response(self) -> Response:
        """A string body is sent as it is, everything else as JSON."""
        headers = {**(self.retry_after.headers() if self.retry_after else {}), **self.headers}
        if self.body is None:
            return html_error(self.status, headers)
        if isinstance(self.body, str):
            return Response(self.body, self.status, headers, headers.get("content-type", "text/html"))
        return JSONResponse(self.body, self.status, headers)


class Action(Strict):
    """An admin call that a rule makes when it fires."""

    path: str  # as after /admin/, e.g. "meetings"
    method: Literal["POST", "DELETE"] = "POST"
    body: dict[str, Any] = Field(default_factory=dict)
    when: Literal["before", "after"] = "before"


class Rule(Strict):
    """One step of a scenario."""

    id: str = Field(default_factory=lambda: f"fault-{next(_numbers)}")
    on: str  # endpoint name or pattern: "fathom.transcript", "zoom.*"
    method: str | None = None
    user: str | None = None
    path: str | None = None  # part of the path
    after: int = 0  # so many matching calls are left alone first
    times: int | None = 1  # then so many are spoilt; null is for ever
    delay: float = 0  # seconds before anything is done
    answer: Answer | None = None
    cut: Literal["before", "after_commit", "mid_body"] | None = None
    truncate: float | None = None  # share of the body that is kept, with a length that fits
    stall: float | None = None  # seconds of silence after half of the body
    admin: list[Action] = Field(default_factory=list)
    _seen: int = PrivateAttr(0)
    _fired: int = PrivateAttr(0)

    def fires(self, endpoint: str, method: str, user: str | None, path: str) -> bool:
        """Whether this call is spoilt. Counts it."""
        wanted = fnmatch(endpoint, self.on) and self.method in (None, method) and self.user in (None, user)
        if not wanted or (self.path is not None and self.path not in path):
            return False
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self._fired >= self.times):
            return False
        self._fired += 1
        return True

    def report(self) -> dict[str, Any]:
        """The rule, and how often it saw and spoilt a call."""
        return {
            **self.model_dump(exclude_defaults=True),
            "id": self.id,
            "seen": self._seen,
            "fired": self._fired,
        }


class FaultBook:
    """The rules of one world."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def take(self, endpoint: str, method: str, user: str | None, path: str) -> list[Rule]:
        """The rules that fire for this call."""
        return [rule for rule in list(self.rules) if rule.fires(endpoint, method, user, path)]

    def remove(self, rule_id: str | None = None) -> int:
        """Take one rule away, or all. Returns how many."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule_id not in (None, rule.id)]
        return before - len(self.rules)


async def apply(rules: list[Rule], proceed: Proceed, act: Act) -> Response:
    """Answer a call as the rules say; `proceed` is the real answer, `act` makes an admin call."""
    if not rules:
        return await proceed()
    await asyncio.sleep(sum(rule.delay for rule in rules))
    await _act(rules, "before", act)
    if any(rule.cut == "before" for rule in rules):
        return Cut()
    answer = next((rule.answer for rule in rules if rule.answer), None)
    response = answer.response() if answer else await proceed()
    await _act(rules, "after", act)
    for rule in rules:
        response = _spoil(rule, response)
    return response


async def _act(rules: list[Rule], when: str, act: Act) -> None:
    for rule in rules:
        for action in rule.admin:
            if action.when == when:
                await act(action)


def _spoil(rule: Rule, response: Response) -> Response:
    if rule.cut == "after_commit":
        return Cut()
    if rule.cut == "mid_body":
        return Broken(response, rule.truncate or 0.5, rule.stall or 0, end=True)
    if rule.stall is not None:
        return Broken(response, 0.5, rule.stall, end=False)
    if rule.truncate is not None:
        return shortened(response, rule.truncate)
    return response
