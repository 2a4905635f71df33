"""Listing: a job's calls, page by page; each page and how far we have come are one transaction.

The place up to which all is listed (`synced_through`) moves when the listing is through, to the
time at which it began, and never past a row that could not be read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text

from pipeline_runtime.connectors import admission
from pipeline_runtime.connectors.admission import Place
from pipeline_runtime.connectors.http import Http
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.values import Page, Window
from pipeline_runtime.failures import LONGEST_MESSAGE, SOURCE_UNREADABLE, ItemProblem, Transient, place_of
from pipeline_runtime.tasks import Task

_BEGIN = text("""
SELECT j.request, j.cursor, j.trigger, j.created_at, j.owner_user_id, s.synced_through, s.options, s.generation
FROM sync_jobs j LEFT JOIN import_sources s ON s.id = j.account_id AND s.user_id = j.owner_user_id
WHERE j.id = :job AND j.discovery_ended_at IS NULL AND j.cancel_requested_at IS NULL
""")
_MARK = text("UPDATE sync_jobs SET cursor = CAST(:cursor AS jsonb) WHERE id = :job")
_END = text("""
UPDATE sync_jobs SET discovery_ended_at = coalesce(discovery_ended_at, now()), code = :code, message = :message,
    started_at = coalesce(started_at, now()), version = version + 1
WHERE id = :job
""")
# A webhook that could not be registered, or whose registration was cut off, is tried again after each sync.
_SYNCED = text("""
UPDATE import_sources SET last_sync_at = now(),
    webhook_note = CASE WHEN webhook_note = 'not_registered'
                          OR webhook_note = 'registering' AND last_sync_at IS NOT NULL
                        THEN NULL ELSE webhook_note END,
    synced_through = CASE WHEN CAST(:through AS timestamptz) IS NULL THEN synced_through
                          ELSE greatest(synced_through, CAST(:through AS timestamptz)) END
WHERE id = :account
""")

log = structlog.get_logger()


@dataclass
class _Progress:
    """How a listing goes: rows that nobody could read, and when their calls were.

    It is kept with the mark of the last page, for whoever goes on from there.
    """

    unreadable: int = 0
    oldest: datetime | None = None
    is_unknown: bool = False

    @classmethod
    def of(cls, cursor: dict[str, Any] | None) -> _Progress:
        """That of an earlier run."""
        kept = cursor or {}
        return cls(kept.get("unreadable", 0), _moment(kept.get("oldest")), kept.get("is_unknown", False))

    def cursor(self, mark: str) -> dict[str, Any]:
        """What is kept."""
        oldest = None if self.oldest is None else self.oldest.isoformat()
        return {
            "mark": mark, "unreadable": self.unreadable, "oldest": oldest, "is_unknown": self.is_unknown
        }  # fmt: skip

    def note(self, rows: Any) -> None:
        for moment in rows:
            self.unreadable += 1
            if moment is None:
                self.is_unknown = True
            elif self.oldest is None or moment < self.oldest:
                self.oldest = moment

    def through(self, begun: datetime) -> datetime | None:
        """Up to when all is listed; None where that cannot be said."""
        if self.is_unknown:
            return None
        return begun if self.oldest is None else min(begun, self.oldest)


@dataclass(frozen=True)
class Listing:
    """One job's."""

    kit: Kit
    task: Task
    place: Place
    row: Any
    progress: _Progress

    async def run(self) -> None:
        """List all, and say so. Raises Stopped, Transient, ItemProblem."""
        pages, window = self._pages()
        async for page in _readable(pages):
            self.progress.note(page.unreadable)
            await self._admit(page)
        await self._end(window)

    def _pages(self) -> tuple[AsyncIterator[Page], Window]:
        http = self._http()
        request = self.row.request or {}
        window = self._window(request)
        connector = self.kit.connector
        if request.get("links"):
            assert connector.links is not None, "the manifest takes links, the connector does not"
            return connector.links(http, request["links"]), window
        assert connector.pages is not None, "a source with accounts needs a listing"
        return connector.pages(http, window), window

    def _http(self) -> Http:
        return self.kit.http(self.place.account, live=False, options=self.place.options)

    def _window(self, request: dict[str, Any]) -> Window:
        start, end = _moment(request.get("window_from")), _moment(request.get("window_to"))
        if start is None and end is None and self.row.synced_through is not None:
            start = self.row.synced_through - self.kit.connector.manifest.overlap
        return Window(start, end, (self.row.cursor or {}).get("mark"))

    async def _admit(self, page: Page) -> None:
        async with self.kit.engine.begin() as connection:
            await admission.lock_account(connection, self.place)
            await admission.admit(
                connection, self.place, self.kit.fetching, page.items, synced_through=self.row.synced_through
            )
            cursor = None if page.mark is None else json.dumps(self.progress.cursor(page.mark))
            await connection.execute(_MARK, {"job": self.task.job_id, "cursor": cursor})

    async def _end(self, window: Window) -> None:
        """Nothing more: unless a date range was asked for, all up to our beginning is listed."""
        whole = not (self.row.request or {}).get("window_from") and window.end is None
        code, message = self._left_out()
        async with self.kit.relay.transaction() as transaction:
            await admission.lock_account(transaction.connection, self.place, to_change=True)
            through = self.progress.through(self.row.created_at) if whole else None
            if self.place.account is not None:
                synced = {"account": self.place.account, "through": through}
                await transaction.connection.execute(_SYNCED, synced)
            ended = {"job": self.task.job_id, "code": code, "message": message}
            await transaction.connection.execute(_END, ended)
            transaction.emit(self.kit.messages.discovery_ended(self.task.job_id, self.task.owner_user_id))

    def _left_out(self) -> tuple[str | None, str | None]:
        count = self.progress.unreadable
        if not count:
            return None, None
        calls = "1 call" if count == 1 else f"{count} calls"
        name = self.kit.connector.manifest.name
        told = f"{name} listed {calls} in a way that cannot be read. Each sync tries again."
        return SOURCE_UNREADABLE.code, told


async def _readable(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """What is not as the source documents it is the source's fault, as with a single call. Raises Transient."""
    try:
        async for page in pages:
            yield page
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.warning("listing.unreadable", error=type(error).__name__, where=place_of(error))
        raise Transient(SOURCE_UNREADABLE) from error


async def begin(kit: Kit, task: Task) -> Listing | None:
    """The listing of a task; None where there is nothing left to list."""
    async with kit.engine.connect() as connection:
        row = (await connection.execute(_BEGIN, {"job": task.job_id})).one_or_none()
    if row is None:
        return None
    options = {**(row.options or {}), **((row.request or {}).get("options") or {})}
    place = Place(task.job_id, task.account_id, row.generation, options, live=task.account_id is None)
    return Listing(kit, task, place, row, _Progress.of(row.cursor))


async def give_up(kit: Kit, task: Task, problem: ItemProblem) -> None:
    """The listing ends before it is through; the job says why."""
    log.warning("listing.failed", code=problem.code, job=str(task.job_id))
    async with kit.relay.transaction() as transaction:
        values = {"job": task.job_id, "code": problem.code, "message": problem.message[:LONGEST_MESSAGE]}
        await transaction.connection.execute(_END, values)
        transaction.emit(kit.messages.discovery_ended(task.job_id, task.owner_user_id))


def _moment(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)
