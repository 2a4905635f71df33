"""The accounts of the stand-in: each user of a case has one, with calls, tokens, and what goes wrong."""

from __future__ import annotations

import base64
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from callvault.provider import Call, Line, Owner, Slice

Kind = Literal["list", "item", "other", "open", "public", "token"]
LENGTH = timedelta(minutes=10)
_numbers = itertools.count(1_000_000 + secrets.randbelow(1_000_000) * 1000)
_PEOPLE = ("Maren Holt", "Tobias Finke", "Ines Duarte")
SPOKEN = "the lanterns along the harbour wall"
"""Stands in every line that anybody says."""


@dataclass(frozen=True)
class Seen:
    """A request that was answered."""

    kind: Kind
    path: str
    status: int
    at: float = field(default_factory=time.monotonic)


@dataclass
class Fault:
    """Another answer: `after` requests of that kind are left alone, then `times` are spoilt."""

    kind: Kind
    status: int
    headers: Callable[[], Mapping[str, str]] = dict
    after: int = 0
    times: int = 1
    fired: list[Seen] = field(default_factory=list)


@dataclass
class Account:
    """Somebody's account at the provider."""

    owner: Owner
    api_key: str = field(repr=False)
    calls: list[Call] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    unlisted: set[int] = field(default_factory=set)
    spoilt: set[int] = field(default_factory=set)
    junk: list[Any] = field(default_factory=list)
    access: set[str] = field(default_factory=set, repr=False)
    refresh: set[str] = field(default_factory=set, repr=False)
    spent: list[str] = field(default_factory=list, repr=False)
    is_withdrawn: bool = False
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    then: list[tuple[Kind, Callable[[], object]]] = field(default_factory=list, repr=False)

    def add(self, count: int, *, apart: timedelta = timedelta(minutes=20)) -> list[Call]:
        """So many more calls, the newest `apart` ago, the next as long before it."""
        now = datetime.now(UTC).replace(microsecond=0)
        return [self.add_at(now - apart * (n + 1)) for n in range(count)]

    def add_at(self, started_at: datetime, length: timedelta = LENGTH) -> Call:
        """A call that began then."""
        number = next(_numbers)
        step = length.total_seconds() / 3
        lines = tuple(
            Line(name, round(n * step, 1), round((n + 1) * step, 1), f"In {number} part {n + 1} is {SPOKEN}.")
            for n, name in enumerate(_PEOPLE)
        )
        call = Call(number, f"Planning {number}", started_at, started_at + length, lines, self.owner)
        self.calls.append(call)
        return call

    def cut(
        self, row: Callable[[Call], Any], since: datetime | None, until: datetime | None, cursor: str | None,
        size: int,
    ) -> Slice:  # fmt: skip
        """A page, by its place in the list as it is now: what comes in meanwhile moves the others on."""
        found = [call for call in self.calls if call.number not in self.unlisted]
        within = [
            call for call in found
            if (since is None or call.started_at >= since) and (until is None or call.started_at <= until)
        ]  # fmt: skip
        within.sort(key=lambda call: call.started_at, reverse=True)
        begin = int(cursor or 0)
        page = within[begin : begin + size]
        rows = [_spoilt(row(call)) if call.number in self.spoilt else row(call) for call in page]
        if begin == 0:
            rows[1:1] = self.junk
        return Slice(rows, str(begin + size) if begin + size < len(within) else None)

    def note(self, seen: Seen) -> None:
        """Remember a request, and do what was to be done after it."""
        self.seen.append(seen)
        for waiting in [one for one in self.then if one[0] == seen.kind]:
            self.then.remove(waiting)
            waiting[1]()

    def asked(self, kind: Kind) -> int:
        """How many requests of a kind there were."""
        return sum(1 for seen in self.seen if seen.kind == kind)

    def fault(self, kind: Kind) -> Fault | None:
        """What goes wrong with this request, if anything."""
        for fault in self.faults:
            if fault.kind != kind or len(fault.fired) >= fault.times:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            return fault
        return None

    def grant(self) -> dict[str, Any]:
        """A pair of tokens."""
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access.add(access)
        self.refresh.add(refresh)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 3600}

    def expire(self) -> None:
        """No access token is taken any longer; refresh tokens are."""
        self.access.clear()

    def withdraw(self) -> None:
        """The owner has taken the consent away, or deleted the key."""
        self.is_withdrawn = True
        self.access.clear()
        self.refresh.clear()


def make_account() -> Account:
    """Somebody new, without calls."""
    word = secrets.token_hex(5)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    owner = Owner(f"user-{word}", f"{word}@provider.example", secret)
    return Account(owner, api_key=f"key-{secrets.token_urlsafe(24)}")


def _spoilt(row: Any) -> Any:
    """A row in its place with nothing in it that can be read."""
    return {name: {"unexpected": True} for name in row} if isinstance(row, dict) else None
