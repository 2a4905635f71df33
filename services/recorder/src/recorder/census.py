"""Counts the ledger for the board: what the counters of processes cannot say, because they die with them.

One recorder counts at a time. The others wait for its lock and show none of these series, so that sums
over replicas are right.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final, TypeAlias

import asyncpg
import structlog

from pipeline_runtime import metrics
from recorder.settings import RecorderSettings

LOCK: Final = 0x43656E73  # any number that nobody else locks
USERS: Final = 10
STATUSES: Final = ("found", "imported", "duplicate", "failed", "skipped", "open")

# A job that was reopened is as old as what is open in it. What a user has paused may wait as long as it likes.
COUNT_OPEN = """
SELECT j.source_app, count(*) AS jobs, coalesce(extract(epoch FROM now() - min(coalesce(i.since, j.created_at))
    FILTER (WHERE s.id IS NULL OR s.status = 'active')), 0)::float8 AS oldest
FROM sync_jobs j LEFT JOIN import_sources s ON s.id = j.account_id LEFT JOIN LATERAL (
    SELECT min(opened_at) AS since FROM sync_job_items WHERE job_id = j.id AND status = 'found') i ON true
WHERE j.ended_at IS NULL GROUP BY 1
"""

COUNT_ITEMS = """
SELECT owner_user_id, source_app, sum(found) AS found, sum(imported) AS imported, sum(duplicates) AS duplicate,
    sum(failed) AS failed, sum(skipped) AS skipped, sum(open) AS open
FROM sync_jobs WHERE found > 0 AND created_at > now() - interval '1 day' GROUP BY 1, 2
"""

# By source, and of the users with most calls each by itself.
COUNT_LEDGER = f"""
WITH counted AS MATERIALIZED ({COUNT_ITEMS}), most AS (
    SELECT owner_user_id FROM counted GROUP BY 1 ORDER BY sum(found) DESC, 1 LIMIT {USERS}
)
SELECT NULL::uuid AS owner_user_id, source_app, sum(found) AS found, sum(imported) AS imported,
    sum(duplicate) AS duplicate, sum(failed) AS failed, sum(skipped) AS skipped, sum(open) AS open
FROM counted GROUP BY 2
UNION ALL SELECT * FROM counted WHERE owner_user_id IN (SELECT owner_user_id FROM most)
"""

# Sources that may push: links and files have no account.
FIND_SOURCES = """
SELECT DISTINCT source_app FROM sync_jobs
WHERE found > 0 AND created_at > now() - interval '1 day' AND account_id IS NOT NULL
"""

# What was pushed, and is in the library since we looked last.
FIND_PUSHED = """
SELECT source_app, extract(epoch FROM ended_at - (request ->> 'received_at')::timestamptz)::float8 AS seconds
FROM sync_jobs
WHERE found > 0 AND created_at > now() - interval '1 day' AND ended_at > $1 AND ended_at <= $2
  AND trigger = 'webhook' AND imported > 0 AND request ? 'received_at'
"""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
log = structlog.get_logger()


class Census:
    """The loop. The lock is its connection's: whoever dies loses both."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._dsn = str(settings.recorder_database_url)
        self._pause = settings.recorder_count_every.total_seconds()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._take_office()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("census.interrupted", error=type(error).__name__)
            await asyncio.sleep(self._pause)

    async def _take_office(self) -> None:
        """Count for as long as the connection holds, unless somebody else does."""
        connection = await asyncpg.connect(
            self._dsn, timeout=10, command_timeout=60, server_settings={"application_name": "recorder-census"}
        )
        try:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                return
            since: datetime = await connection.fetchval("SELECT now()")
            while True:
                since = await self.count(connection, since)
                await asyncio.sleep(self._pause)
        finally:
            clear()
            await connection.close(timeout=5)

    async def count(self, connection: Connection, since: datetime) -> datetime:
        """Once; up to when pushed calls were looked at."""
        show_open(await connection.fetch(COUNT_OPEN))
        show_ledger(await connection.fetch(COUNT_LEDGER))
        until: datetime = await connection.fetchval("SELECT now() - interval '5 seconds'")
        for row in await connection.fetch(FIND_SOURCES):
            metrics.WEBHOOK_TO_RECORDING_SECONDS.labels(row["source_app"])  # begins at 0
        for row in await connection.fetch(FIND_PUSHED, since, until):
            metrics.WEBHOOK_TO_RECORDING_SECONDS.labels(row["source_app"]).observe(max(0.0, row["seconds"]))
        return until


def show_open(rows: Any) -> None:
    """Rows of COUNT_OPEN. A source without open jobs has none."""
    metrics.JOBS_OPEN.clear()
    metrics.OLDEST_OPEN_SECONDS.clear()
    for row in rows:
        metrics.JOBS_OPEN.labels(row["source_app"]).set(row["jobs"])
        metrics.OLDEST_OPEN_SECONDS.labels(row["source_app"]).set(row["oldest"])


def show_ledger(rows: Any) -> None:
    """Rows of COUNT_LEDGER. Users who are no longer among the first disappear."""
    metrics.LEDGER_ITEMS.clear()
    metrics.USER_ITEMS.clear()
    for row in rows:
        source, owner = row["source_app"], row["owner_user_id"]
        for status in STATUSES:
            if owner is None:
                metrics.LEDGER_ITEMS.labels(source, status).set(row[status])
            else:
                metrics.USER_ITEMS.labels(str(owner), source, status).set(row[status])


def clear() -> None:
    """Show nothing: what was counted is no longer so, or somebody else counts."""
    for gauge in (metrics.JOBS_OPEN, metrics.OLDEST_OPEN_SECONDS, metrics.LEDGER_ITEMS, metrics.USER_ITEMS):
        gauge.clear()
