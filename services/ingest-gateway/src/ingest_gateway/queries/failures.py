"""Failed items, by the web role: by cause, one by one, and opened again.

A failed item whose call has come into the library by another way is no failure that needs anybody. One that
was dismissed stays as it is in the books and is left out here, until it was retried and has failed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_STANDING = """
FROM sync_job_items i
WHERE i.status = 'failed' AND NOT EXISTS (
    SELECT FROM recordings r WHERE r.owner_user_id = i.owner_user_id
    AND r.source_app = i.source_app AND r.external_id = i.external_id)
  AND (i.dismissed_at IS NOT NULL AND i.dismissed_at >= i.ended_at) = {dismissed}
"""
_SHOWN = _STANDING.format(dismissed="false")
_OF_CAUSE = """
  AND (CAST(:code AS text) IS NULL OR i.code = :code)
  AND (CAST(:source AS text) IS NULL OR i.source_app = :source)
  AND (CAST(:account AS uuid) IS NULL OR i.account_id = :account)
"""
_GROUPS = text(f"""
SELECT g.*, s.email AS account_email, s.status AS account_status FROM (
    SELECT i.source_app, i.account_id, i.code, count(*) AS count, bool_or(i.retryable) AS retryable,
        (array_agg(i.message ORDER BY i.ended_at DESC, i.id))[1] AS message,
        (array_agg(i.title ORDER BY i.ended_at DESC, i.id))[1:3] AS titles,
        max(i.ended_at) AS latest_at, min(i.retry_at) AS retry_at
    {_SHOWN}
    GROUP BY i.source_app, i.account_id, i.code) g
LEFT JOIN import_sources s ON s.id = g.account_id
ORDER BY g.count DESC, g.source_app, g.code, g.account_id
""")
_PAGE = text(f"""
SELECT i.id, i.job_id, i.source_app, i.account_id, i.external_id, i.title, i.code, i.message, i.retryable,
    i.attempt, i.retry_at, i.ended_at
{_STANDING.format(dismissed=":dismissed")} {_OF_CAUSE}
  AND (CAST(:before AS uuid) IS NULL
       OR (i.ended_at, i.id) < (SELECT b.ended_at, b.id FROM sync_job_items b WHERE b.id = :before))
ORDER BY i.ended_at DESC, i.id DESC LIMIT :limit
""")
_IDS = text(f"""
SELECT i.id {_SHOWN} {_OF_CAUSE} AND (i.retryable OR NOT :retryable_only)
ORDER BY i.ended_at DESC, i.id DESC LIMIT :limit
""")
# What waits to be tried again by itself does so no more: it would come back as a failure.
_DISMISS = """
UPDATE sync_job_items i SET dismissed_at = clock_timestamp(), retry_at = NULL
FROM ({chosen} ORDER BY i.id FOR UPDATE OF i) c WHERE i.id = c.id RETURNING i.id
"""
_DISMISS_ONE = text(
    _DISMISS.format(chosen="SELECT i.id FROM sync_job_items i WHERE i.id = :item AND i.status = 'failed'")
)
_DISMISS_MANY = text(_DISMISS.format(chosen=f"SELECT i.id {_SHOWN} {_OF_CAUSE}"))
_STATUS = text("SELECT status FROM sync_job_items WHERE id = :item")
_REOPEN = text("""
SELECT r.item_id, r.job_id, r.attempt, r.outcome, r.ticket, i.source_app, i.account_id
FROM reopen(CAST(:items AS uuid[])) r JOIN sync_job_items i ON i.id = r.item_id
""")


@dataclass(frozen=True)
class Cause:
    """Which failures are meant; None means any."""

    code: str | None = None
    source_app: str | None = None
    account_id: UUID | None = None

    def values(self) -> dict[str, Any]:
        """As the statements name them."""
        return {"code": self.code, "source": self.source_app, "account": self.account_id}


@dataclass(frozen=True)
class Reopened:
    """A failed item's other try. `outcome`: found, joined, duplicate, or quota_exceeded: it got none."""

    item_id: UUID
    job_id: UUID
    attempt: int
    outcome: str
    ticket: dict[str, Any] | None
    source_app: str
    account_id: UUID | None


async def list_causes(connection: AsyncConnection) -> list[RowMapping]:
    """The user's failures by source, account and code, the most frequent first."""
    return list((await connection.execute(_GROUPS)).mappings())


async def list_failures(
    connection: AsyncConnection, *, cause: Cause, dismissed: bool, limit: int, before: UUID | None
) -> list[RowMapping]:
    """Those of a cause, the latest first; those that failed before the item `before`."""
    values = {**cause.values(), "dismissed": dismissed, "limit": limit, "before": before}
    return list((await connection.execute(_PAGE, values)).mappings())


async def find_failed_ids(
    connection: AsyncConnection, *, cause: Cause, retryable_only: bool, limit: int
) -> list[UUID]:
    """Ids of failed items, the latest first."""
    values = {**cause.values(), "retryable_only": retryable_only, "limit": limit}
    return list((await connection.scalars(_IDS, values)).all())


async def find_item_status(connection: AsyncConnection, *, item: UUID) -> str | None:
    """None for an unknown item and for somebody else's."""
    status: str | None = await connection.scalar(_STATUS, {"item": item})
    return status


async def dismiss_item(connection: AsyncConnection, *, item: UUID) -> bool:
    """Hide a failed item. False where it has not failed."""
    return await connection.scalar(_DISMISS_ONE, {"item": item}) is not None


async def dismiss_items(connection: AsyncConnection, *, cause: Cause) -> int:
    """Hide those of a cause; answers how many."""
    return len((await connection.scalars(_DISMISS_MANY, cause.values())).all())


async def reopen_items(connection: AsyncConnection, *, items: list[UUID]) -> list[Reopened]:
    """Open them again; those that are not failed (any more) are left out of the answer."""
    rows = (await connection.execute(_REOPEN, {"items": items})).mappings()
    return [Reopened(**row) for row in rows]
