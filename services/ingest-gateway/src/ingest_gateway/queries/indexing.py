"""Making calls searchable, by the intake role, which reads none of them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_INDEX = text("SELECT made, reached FROM index_calls(:after, :limit)")


async def index_calls(connection: AsyncConnection, *, after: UUID, limit: int) -> tuple[int, UUID | None]:
    """Make the words of calls that have none; answers how many, and the id of the last one."""
    row = (await connection.execute(_INDEX, {"after": after, "limit": limit})).one()
    return row.made, row.reached
