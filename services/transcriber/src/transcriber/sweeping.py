"""Removes the parts of recordings that need them no more: their objects, then their rows.

They go when the item has ended or is gone; where a retry could use them they stay for a while.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime.storage import Storage
from transcriber import statements as sql
from transcriber.pieces import Place

EVERY_SECONDS = 60.0
GAPS_KEPT: Final = timedelta(days=30)
"""How long the parts of a recording with gaps are kept after its import."""
FAILED_KEPT: Final = timedelta(days=3)
"""How long those of an item are that failed and is retried, by itself or by hand."""

_VALUES = {"failed": FAILED_KEPT, "gaps": GAPS_KEPT}

log = structlog.get_logger()


class Sweeper:
    """Works at the start and every minute. Several replicas do no harm to each other."""

    def __init__(self, database: AsyncEngine, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                while await self.sweep_one():
                    pass
            except (SQLAlchemyError, OSError) as error:
                log.warning("parts.not_swept", error=type(error).__name__)
            except Exception:
                log.exception("parts.sweep_failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep_one(self) -> bool:
        """Remove what one item has left; False where there is none.

        The plan's row goes last: whoever dies before that leaves it, and what is there, to the next one.
        """
        async with self._database.begin() as connection:
            row = (await connection.execute(sql.FIND, _VALUES)).one_or_none()
            if row is None:
                return False
            item = {"item": row.item_id}
            await connection.execute(sql.FORGET, item)
            keys = set((await connection.scalars(sql.FORGET_PARTS, item)).all())
        place = Place(self._storage, row.owner_user_id, row.item_id)
        if row.has_strays:
            found = await asyncio.to_thread(self._storage.keys)
            keys |= {key for key, _ in found if key.startswith(place.prefix)}
        for key in keys:
            await self._storage.delete(key)
        async with self._database.begin() as connection:
            await connection.execute(sql.DROP_PLAN, item | _VALUES)
        log.info("parts.swept", item=str(row.item_id), objects=len(keys))
        return True
