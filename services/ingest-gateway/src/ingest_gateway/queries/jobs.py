"""Jobs and their items, by the web role: row-level security shows the user's own alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

# The title is that of the first call found: most jobs of uploads have only one.
JOB = """
SELECT j.id, j.source_app, j.account_id, j.trigger, j.status, j.found, j.imported, j.duplicates, j.failed,
    j.skipped, j.open, j.seen, j.code, j.message, j.version, j.created_at, j.started_at, j.ended_at,
    j.cancel_requested_at,
    (SELECT i.title FROM sync_job_items i WHERE i.job_id = j.id ORDER BY i.created_at, i.id LIMIT 1) AS title
FROM sync_jobs j
"""
_PAGE = text(f"""{JOB}
WHERE CAST(:before AS uuid) IS NULL
   OR (j.created_at, j.id) < (SELECT b.created_at, b.id FROM sync_jobs b WHERE b.id = :before)
ORDER BY j.created_at DESC, j.id DESC LIMIT :limit
""")
_RECENT = text(f"""{JOB}
WHERE j.ended_at IS NULL OR j.ended_at > now() - interval '1 hour' ORDER BY j.created_at DESC, j.id DESC
""")
_ONE = text(f"{JOB} WHERE j.id = :job")
_ITEMS = text("""
SELECT id, external_id, title, status, code, message, retryable, attempt, recording_id, retry_at, ended_at
FROM sync_job_items WHERE job_id = :job ORDER BY created_at, id
""")


async def list_jobs(connection: AsyncConnection, *, limit: int, before: UUID | None) -> list[RowMapping]:
    """Newest first; those older than the job `before`."""
    return list((await connection.execute(_PAGE, {"limit": limit, "before": before})).mappings())


async def list_recent_jobs(connection: AsyncConnection) -> list[RowMapping]:
    """Open ones, and those that ended in the last hour."""
    return list((await connection.execute(_RECENT)).mappings())


async def find_job(connection: AsyncConnection, *, job: UUID) -> RowMapping | None:
    """None for an unknown one and for somebody else's."""
    return (await connection.execute(_ONE, {"job": job})).mappings().one_or_none()


async def list_items(connection: AsyncConnection, *, job: UUID) -> list[RowMapping]:
    """A job's items, in the order in which they were found."""
    return list((await connection.execute(_ITEMS, {"job": job})).mappings())
