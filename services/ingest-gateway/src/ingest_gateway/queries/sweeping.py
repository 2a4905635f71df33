"""What nobody needs any more, as the intake role sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_DROP_EXPIRED = text("""
DELETE FROM incoming_uploads
WHERE expires_at <= now() AND state <> 'checking' AND (lease_until IS NULL OR lease_until <= now())
RETURNING id
""")
_WANTED = text("""
SELECT id FROM incoming_uploads
WHERE id = ANY (CAST(:names AS uuid[])) AND state IN ('receiving', 'checking')
""")
_SPENT = text("""
SELECT object_key, reason FROM spent_audio(:keys, CAST(:keep AS interval), CAST(:wait AS interval))
""")


async def drop_expired_uploads(connection: AsyncConnection) -> set[str]:
    """Forget uploads that nobody went on with in time, and what is told of those that are over."""
    return {str(name) for name in (await connection.scalars(_DROP_EXPIRED)).all()}


async def find_wanted_uploads(connection: AsyncConnection, *, names: Iterable[str]) -> set[str]:
    """Those of the uploads whose bytes are needed."""
    found = await connection.scalars(_WANTED, {"names": list(names)})
    return {str(name) for name in found.all()}


async def find_spent_audio(
    connection: AsyncConnection, *, keys: Sequence[str], keep: timedelta | None, wait: timedelta
) -> list[tuple[str, str]]:
    """Those of the objects that nobody needs, and why. `keep` None: that of imported calls is kept for ever."""
    rows = await connection.execute(_SPENT, {"keys": list(keys), "keep": keep, "wait": wait})
    return [(row.object_key, row.reason) for row in rows]
