"""The switch of sources that have no accounts: files and links."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.problems import SOURCE_SWITCHED_OFF, ProblemError
from ingest_gateway.queries.switches import list_switched_off
from ingest_gateway.queries.uploads import SOURCE_APP
from pipeline_runtime.database import speaking_for


def has_own_switch(connect: Iterable[str]) -> bool:
    """Whether a source that is connected in these ways has no accounts, each of which would have one."""
    ways = set(connect)
    return bool(ways) and not ways & {"oauth2", "api_key"}


def switched_off(name: str) -> ProblemError:
    """What is refused, and what to do."""
    return SOURCE_SWITCHED_OFF.error(f"You have switched {name} off. Switch it on to import.")


async def require_files_on(web: AsyncEngine, user: UUID) -> None:
    """Raises source_switched_off."""
    await require_on(web, user, SOURCE_APP, "Files")


async def require_on(web: AsyncEngine, user: UUID, source: str, name: str) -> None:
    """Raises source_switched_off."""
    async with speaking_for(web, user) as connection:
        if source in await list_switched_off(connection):
            raise switched_off(name)
