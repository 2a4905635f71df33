"""Personal API tokens, by the web role: it writes a token's hash and can never read one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "id, name, created_at, last_used_at, expires_at"
_LIST = text(f"SELECT {_COLUMNS} FROM api_tokens WHERE kind = 'personal' ORDER BY created_at DESC, id")
_ADD = text(f"""
INSERT INTO api_tokens (id, user_id, kind, name, token_hash, expires_at)
VALUES (:id, :user, 'personal', :name, :digest, now() + CAST(:lasts AS interval))
RETURNING {_COLUMNS}
""")
_DROP = text("DELETE FROM api_tokens WHERE id = :id AND kind = 'personal' RETURNING id")


async def list_tokens(connection: AsyncConnection) -> list[RowMapping]:
    """The user's tokens, newest first, without what is secret."""
    return list((await connection.execute(_LIST)).mappings())


async def add_token(
    connection: AsyncConnection, *, user: UUID, name: str, digest: bytes, lasts: timedelta | None
) -> RowMapping:
    """Add a token by its digest; it expires after `lasts`, never where that is None."""
    values = {"id": uuid4(), "user": user, "name": name, "digest": digest, "lasts": lasts}
    return (await connection.execute(_ADD, values)).mappings().one()


async def drop_token(connection: AsyncConnection, *, token: UUID) -> bool:
    """False where the user has no such token."""
    return (await connection.scalar(_DROP, {"id": token})) is not None
