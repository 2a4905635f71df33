"""An invented source: calls of two accounts, each call with a fate, and a listing that stops at every page."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pipeline_runtime.connectors import Connector, Http, Item, Manifest, Notice, NotReady, Page, Record, Skipped
from pipeline_runtime.connectors.values import Fetched, Window
from pipeline_runtime.failures import SOURCE_REFUSED, SOURCE_UNAVAILABLE, ItemProblem, Transient

SOURCE = "sample"
TEAMS = ("north", "south")
GOOD = ("plain", "stumbles", "late")
"""Fates of calls that end in the library: at once, after a failure, after another look."""
BAD = ("refused", "deleted")
LONG_AGO = datetime.now(UTC) - timedelta(days=500)
_ON_A_PAGE = 2


@dataclass(frozen=True)
class Call:
    """A call, and the teams whose account shows it."""

    id: str
    fate: str
    teams: tuple[str, ...]

    def item(self) -> Item:
        """As the source lists it."""
        started_at = LONG_AGO + timedelta(hours=int(self.id))
        return Item(external_id=self.id, title=f"Call {self.id}", started_at=started_at)


class Gate:
    """Where a listing waits before each page, until it is let on."""

    def __init__(self) -> None:
        self._open = asyncio.Semaphore(0)
        self.waits = asyncio.Event()

    async def pass_through(self) -> None:
        """Wait for `let_on`."""
        self.waits.set()
        await self._open.acquire()

    def let_on(self) -> None:
        """One page."""
        self.waits.clear()
        self._open.release()


GATE: ContextVar[Gate] = ContextVar("gate")


@dataclass
class Provider:
    """The source's side. `teams` says whose each connected account is."""

    calls: list[Call] = field(default_factory=list)
    teams: dict[UUID, str] = field(default_factory=dict)
    asked: Counter[tuple[UUID | None, str]] = field(default_factory=Counter)

    def begin(self, calls: list[Call]) -> None:
        """Forget all, and have these calls."""
        self.calls = calls
        self.teams.clear()
        self.asked.clear()

    def connector(self) -> Connector:
        """The source's functions, as a connector hands them to the kit."""
        manifest = Manifest(SOURCE, "Sample", "", ("api_key",), {"api": "http://127.0.0.1:9"})
        return Connector(manifest, fetch=self.fetch, pages=self.pages, webhook=self.webhook)

    async def pages(self, http: Http, window: Window) -> AsyncIterator[Page]:
        """All calls of the account's team; a run that goes on begins with the page that was said last."""
        assert http.account is not None
        team = self.teams[http.account]
        items = [call.item() for call in self.calls if team in call.teams]
        begin = max(0, int(window.resume or 0) - _ON_A_PAGE)
        for start in range(begin, max(len(items), 1), _ON_A_PAGE):
            await GATE.get().pass_through()
            yield Page(items[start : start + _ON_A_PAGE], mark=str(start + _ON_A_PAGE))

    async def fetch(self, http: Http, item: Item) -> Fetched:
        """As the call's fate wants it. What goes wrong once goes wrong for each account."""
        call = next(one for one in self.calls if one.id == item.external_id)
        self.asked[http.account, call.id] += 1
        is_first = self.asked[http.account, call.id] == 1
        if call.fate == "refused":
            raise ItemProblem(SOURCE_REFUSED)
        if call.fate == "deleted":
            return Skipped("deleted", "It is gone.")
        if call.fate == "stumbles" and is_first:
            raise Transient(SOURCE_UNAVAILABLE)
        if call.fate == "late" and is_first:
            return NotReady(datetime.now(UTC))
        return Record(text=f"What was said in call {call.id}.", duration=60.0)

    def webhook(self, body: dict[str, Any]) -> Notice:
        """A team's new call."""
        call = next(one for one in self.calls if one.id == body["call"])
        return Notice(keys=(body["team"],), items=(call.item(),))
