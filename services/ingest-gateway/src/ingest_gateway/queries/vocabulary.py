"""A user's names and terms."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND = text("SELECT terms FROM vocabularies WHERE user_id = :user")
_PUT = text("""
INSERT INTO vocabularies (user_id, terms) VALUES (:user, :terms)
ON CONFLICT (user_id) DO UPDATE SET terms = excluded.terms, changed_at = now()
""")


async def find_terms(connection: AsyncConnection, *, user: UUID) -> list[str]:
    """The user's terms in their order; none where there never were any."""
    return list(await connection.scalar(_FIND, {"user": user}) or [])


async def put_terms(connection: AsyncConnection, *, user: UUID, terms: Sequence[str]) -> None:
    """These terms instead of those before."""
    await connection.execute(_PUT, {"user": user, "terms": list(terms)})
