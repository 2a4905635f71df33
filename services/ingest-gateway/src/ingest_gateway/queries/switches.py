"""Sources without accounts that a user has switched off, by the web role."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OFF = text("SELECT source_app FROM source_switches WHERE NOT is_active")
_SET = text("""
INSERT INTO source_switches (user_id, source_app, is_active) VALUES (:user, :source, :is_active)
ON CONFLICT ON CONSTRAINT one_switch_per_source
DO UPDATE SET is_active = excluded.is_active, changed_at = now()
""")


async def list_switched_off(connection: AsyncConnection) -> set[str]:
    """The user's sources that take nothing for now."""
    return set((await connection.scalars(_OFF)).all())


async def set_switch(connection: AsyncConnection, *, user: UUID, source: str, is_active: bool) -> None:
    """Switch one on or off."""
    await connection.execute(_SET, {"user": user, "source": source, "is_active": is_active})
