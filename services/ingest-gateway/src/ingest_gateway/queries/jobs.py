"""Jobs and their items, by the web role: row-level security shows the user's own alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

# The title is that of the first call found: most jobs of uploads have only one. An upload that is still being
# checked, or was refused, has none; there it is the file's name.
JOB = """
SELECT j.id, j.source_app, j.account_id, j.trigger, j.status, j.found, j.imported, j.duplicates, j.failed,
    j.skipped, j.open, j.seen, j.code, j.message, j.version, j.created_at, j.started_at, j.ended_at,
    j.cancel_requested_at,
    coalesce((SELECT i.title FROM sync_job_items i WHERE i.job_id = j.id ORDER BY i.created_at, i.id LIMIT 1),
        j.request ->> 'filename') AS title
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
_ITEM = """
SELECT id, external_id, title, status, code, message, retryable, attempt, recording_id, retry_at, ended_at
FROM sync_job_items
"""
_ITEMS = text(f"{_ITEM} WHERE job_id = :job ORDER BY created_at, id")
_ITEMS_PAGE = text(f"""{_ITEM}
WHERE job_id = :job AND (CAST(:status AS text) IS NULL OR status = :status)
  AND (CAST(:after AS uuid) IS NULL
       OR (created_at, id) > (SELECT b.created_at, b.id FROM sync_job_items b WHERE b.id = :after))
ORDER BY created_at, id LIMIT :limit
""")
# Of files and links, which have no account. The item of a job is shown where it has found one alone.
_WITHOUT_ACCOUNT = text(f"""
SELECT x.*, coalesce(q.request -> 'links', '[]') AS links, q.request ->> 'upload_id' AS upload_id,
    coalesce(u.filename, q.request ->> 'filename') AS filename, u.size, to_jsonb(i) AS item
FROM ({JOB}
    WHERE j.account_id IS NULL AND (CAST(:source AS text) IS NULL OR j.source_app = :source)
      AND (CAST(:before AS uuid) IS NULL
           OR (j.created_at, j.id) < (SELECT b.created_at, b.id FROM sync_jobs b WHERE b.id = :before))
    ORDER BY j.created_at DESC, j.id DESC LIMIT :limit) x
JOIN sync_jobs q ON q.id = x.id
LEFT JOIN LATERAL (SELECT filename, size FROM uploads WHERE job_id = x.id LIMIT 1) u ON true
LEFT JOIN LATERAL ({_ITEM} WHERE job_id = x.id LIMIT 1) i ON x.found = 1
ORDER BY x.created_at DESC, x.id DESC
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


async def list_items_page(
    connection: AsyncConnection, *, job: UUID, status: str | None, limit: int, after: UUID | None
) -> list[RowMapping]:
    """Some of a job's items, in the order in which they were found; those after the item `after`."""
    values = {"job": job, "status": status, "limit": limit, "after": after}
    return list((await connection.execute(_ITEMS_PAGE, values)).mappings())


async def list_imports(
    connection: AsyncConnection, *, source: str | None, limit: int, before: UUID | None
) -> list[RowMapping]:
    """Jobs of files and links with what they are of, newest first; those older than the job `before`."""
    values = {"source": source, "limit": limit, "before": before}
    return list((await connection.execute(_WITHOUT_ACCOUNT, values)).mappings())
