"""Sees to it that nothing stays open for ever: the same questions again and again, one replica at a time.

Items whose call is in the library end as duplicates; open items that nobody works on get their
ticket again, and listings theirs; retryable failures reopen when their time has come; what nobody
could work on for a day is failed as lost; jobs with all found and all ended are closed; topics that
are gone are made.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from pipeline_contracts import ItemFailed
from pipeline_runtime import metrics
from pipeline_runtime.failures import LOST
from pipeline_runtime.outbox import Relay, Row
from pipeline_runtime.topics import make_topics
from recorder import statements as sql
from recorder.books import Books, Connection
from recorder.settings import RecorderSettings
from recorder.tickets import RELIST, listing_of, ticket_of

LOCK: Final = 0x43616C6C  # any number that nobody else locks
MENDS: Final = ("reopened", "finished", "lost", "reticketed", "relisted", "closed")

FIND_FINISHED = """
SELECT DISTINCT i.owner_user_id, i.source_app, i.external_id, r.id FROM sync_job_items i JOIN recordings r
    ON r.owner_user_id = i.owner_user_id AND r.source_app = i.source_app AND r.external_id = i.external_id
WHERE i.status = 'found' ORDER BY 1, 2, 3 LIMIT 500
"""

FIND_DUE = """
SELECT i.id, j.cancel_requested_at IS NOT NULL AS stopped
FROM sync_job_items i JOIN sync_jobs j ON j.id = i.job_id
WHERE i.status = 'failed' AND i.retry_at <= now() ORDER BY i.id LIMIT 500
"""

REOPEN = """
SELECT i.id, i.source_app, i.account_id, r.job_id, r.owner_user_id, r.attempt, r.outcome, r.ticket
FROM reopen($1) r JOIN sync_job_items i ON i.id = r.item_id
"""

NOT_AGAIN_BY_ITSELF = (
    "UPDATE sync_job_items SET retry_at = NULL WHERE id = ANY($1::uuid[]) AND status = 'failed'"
)

# One ticket for each call: its first open item, unless somebody works on it or it was told a moment ago.
RETICKET = """
WITH idle AS (
    SELECT DISTINCT ON (i.owner_user_id, i.source_app, i.external_id) i.id
    FROM sync_job_items i
    WHERE i.status = 'found' AND i.ticket IS NOT NULL
      AND coalesce(i.ticketed_at, i.opened_at) < now() - $1::interval
      AND NOT EXISTS (
        SELECT FROM sync_job_items o LEFT JOIN tasks t ON t.item_id = o.id
        WHERE o.owner_user_id = i.owner_user_id AND o.source_app = i.source_app
          AND o.external_id = i.external_id AND o.status = 'found'
          AND (t.id IS NOT NULL OR o.ticketed_at >= now() - $1::interval))
    ORDER BY i.owner_user_id, i.source_app, i.external_id, i.ticketed_at NULLS LAST, i.id
    LIMIT 500
), locked AS (
    SELECT i.id FROM sync_job_items i JOIN idle USING (id) WHERE i.status = 'found'
    ORDER BY i.id FOR UPDATE OF i
)
UPDATE sync_job_items i SET ticketed_at = now() FROM locked WHERE i.id = locked.id
RETURNING i.id, i.job_id, i.owner_user_id, i.source_app, i.account_id, i.attempt, i.ticket
"""

FIND_LOST = """
SELECT i.id, i.job_id, i.attempt FROM sync_job_items i
WHERE i.status = 'found' AND i.opened_at < now() - interval '1 day'
  AND NOT EXISTS (SELECT FROM sync_job_items o JOIN tasks t ON t.item_id = o.id
                  WHERE o.owner_user_id = i.owner_user_id AND o.source_app = i.source_app
                    AND o.external_id = i.external_id AND o.status = 'found')
ORDER BY i.id LIMIT 500
"""

FIND_CLOSABLE = """
SELECT id FROM sync_jobs WHERE ended_at IS NULL AND discovery_ended_at IS NOT NULL AND open = 0
ORDER BY id LIMIT 500
"""

log = structlog.get_logger()


class Reconciler:
    """The loop. Each round is one short transaction under one advisory lock, and no network call within."""

    def __init__(self, settings: RecorderSettings, relay: Relay) -> None:
        self._settings = settings
        self._relay = relay
        for what in MENDS:  # nothing mended is a figure, too
            metrics.RECONCILED.labels(what)

    async def run(self) -> None:
        """Until cancelled; a round that fails is told and tried again."""
        while True:
            try:
                async with asyncio.timeout(60):
                    await self.round()
            except Exception as error:
                log.warning("reconciler.round_failed", error=type(error).__name__)
            await asyncio.sleep(self._settings.recorder_reconcile_every.total_seconds())

    async def round(self) -> Counter[str]:
        """One round; what it had to mend."""
        await self._make_missing_topics()
        connection = await asyncpg.connect(str(self._settings.recorder_database_url), timeout=10)
        try:
            async with connection.transaction():
                if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                    return Counter()
                mended, rows = await self._mend(connection)
        finally:
            await connection.close(timeout=5)
        self._relay.push(rows)
        for what, count in mended.items():
            metrics.RECONCILED.labels(what).inc(count)
            log.info("reconciler.mended", what=what, count=count)
        return mended

    async def _mend(self, connection: Connection) -> tuple[Counter[str], list[Row]]:
        books = Books(connection)
        reopened = await self._reopen_due(connection, books)
        mended = Counter(reopened=len(reopened))
        mended["finished"] = await self._end_finished(connection, books)
        mended["lost"] = await self._fail_lost(connection, books)
        mended["reticketed"] = await self._reticket(connection, books)
        mended["relisted"] = await self._relist(connection, books)
        closable = [row["id"] for row in await connection.fetch(FIND_CLOSABLE)]
        mended["closed"] = len(closable)
        await books.balance(closable + reopened)
        return +mended, await books.say()

    async def _reopen_due(self, connection: Connection, books: Books) -> list[UUID]:
        due = await connection.fetch(FIND_DUE)
        if not due:
            return []
        stopped = [row["id"] for row in due if row["stopped"]]  # by the user, who alone may begin again
        rows = await connection.fetch(REOPEN, [row["id"] for row in due if not row["stopped"]])
        full = [row["id"] for row in rows if row["outcome"] == "quota_exceeded"]
        await connection.execute(NOT_AGAIN_BY_ITSELF, full + stopped)
        for row in rows:
            if row["outcome"] == "found" and row["ticket"]:
                books.emit(ticket_of(row))
        return [row["job_id"] for row in rows if row["outcome"] != "quota_exceeded"]

    async def _end_finished(self, connection: Connection, books: Books) -> int:
        rows = await connection.fetch(FIND_FINISHED)
        return await books.enter(sql.END_TWINS, zip(*rows, strict=True)) if rows else 0

    async def _fail_lost(self, connection: Connection, books: Books) -> int:
        rows = await connection.fetch(FIND_LOST)
        return await books.fail(
            ItemFailed(
                job_id=row["job_id"],
                item_id=row["id"],
                attempt=row["attempt"],
                code=LOST.code,
                message=LOST.sentence,
                retryable=LOST.retryable,
            )
            for row in rows
        )

    async def _reticket(self, connection: Connection, books: Books) -> int:
        rows = await connection.fetch(RETICKET, self._settings.recorder_reticket_after)
        for row in rows:
            books.emit(ticket_of(row))
        return len(rows)

    async def _relist(self, connection: Connection, books: Books) -> int:
        rows = await connection.fetch(RELIST, self._settings.recorder_reticket_after)
        for row in rows:
            books.emit(listing_of(row))
        return len(rows)

    async def _make_missing_topics(self) -> None:
        try:
            if made := await make_topics(self._settings):
                log.warning("topics.made", topics=made)
        except KafkaError as error:
            log.warning("topics.not_made", error=type(error).__name__)
