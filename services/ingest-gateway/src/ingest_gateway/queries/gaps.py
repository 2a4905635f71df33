"""What is missing in recordings, by the web role."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RETRY = text("SELECT outcome, gaps, version FROM retry_gaps(:recording)")


@dataclass(frozen=True)
class Retry:
    """What asking again came to: asked, underway, whole or gone; how many gaps, and which version answers."""

    outcome: str
    gaps: int
    version: int


async def retry_gaps(connection: AsyncConnection, *, recording: UUID) -> Retry | None:
    """Have a recording's gaps asked for again. None for an unknown one and for somebody else's."""
    row = (await connection.execute(_RETRY, {"recording": recording})).one_or_none()
    return Retry(**row._mapping) if row else None
