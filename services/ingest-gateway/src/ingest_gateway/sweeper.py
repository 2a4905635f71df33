"""Removes what nobody will come back for: uploads that were cut off, objects without a row, old sessions."""

from __future__ import annotations

import asyncio
import re
import time
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.problems import DATABASE_AWAY
from ingest_gateway.queries import people, uploads
from pipeline_runtime.storage import Storage

EVERY_SECONDS = 300.0
OLD_SECONDS = 3600.0
"""An upload that is under way writes at least every minute or is given up."""
ASKED_AT_ONCE = 1000
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OURS = re.compile(f"{_UUID}/{_UUID}")

log = structlog.get_logger()


class Sweeper:
    """Works at the start and every few minutes. Several replicas do no harm to each other."""

    def __init__(self, storage: Storage, intake: AsyncEngine) -> None:
        self._storage = storage
        self._intake = intake

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("sweep.postponed", error=type(error).__name__)
            except Exception:
                log.exception("sweep.failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """One round."""
        files = await asyncio.to_thread(self._drop_unfinished)
        objects = await self._drop_orphans()
        async with self._intake.begin() as connection:
            tokens = await people.drop_expired_tokens(connection)
        if files or objects or tokens:
            log.info("sweep.done", files=files, objects=objects, expired=tokens)

    def _drop_unfinished(self) -> int:
        old = [path for path in self._storage.left_behind() if _is_old(path)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    async def _drop_orphans(self) -> int:
        """Only objects under an owner's and an upload's id are the gateway's to judge."""
        limit = time.time() - OLD_SECONDS
        found = await asyncio.to_thread(self._storage.keys)
        old = iter([key for key, changed in found if changed < limit and _OURS.fullmatch(key)])
        dropped = 0
        while keys := list(islice(old, ASKED_AT_ONCE)):
            async with self._intake.connect() as connection:
                known = await uploads.find_known_keys(connection, keys=keys)
            for key in set(keys) - known:
                await self._storage.delete(key)
                dropped += 1
        return dropped


def _is_old(path: Path) -> bool:
    """False also for one that has just gone."""
    try:
        return path.stat().st_mtime < time.time() - OLD_SECONDS
    except FileNotFoundError:
        return False
