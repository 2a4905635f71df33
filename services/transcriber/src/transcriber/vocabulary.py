"""The names and terms that a recording's owner wants to be written as they are. They are never logged."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND = text("SELECT terms FROM vocabularies WHERE user_id = :owner")


async def find_vocabulary(connection: AsyncConnection, owner: UUID) -> tuple[str, ...]:
    """The owner's terms, the most important first; none where there are none."""
    return tuple(await connection.scalar(_FIND, {"owner": owner}) or ())
