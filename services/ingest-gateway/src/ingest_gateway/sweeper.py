"""Removes what nobody will come back for: uploads that were cut off, objects without a row, audio that has
become a transcript, old sessions.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from datetime import timedelta
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.problems import DATABASE_AWAY
from ingest_gateway.queries import people, sweeping
from pipeline_runtime import metrics
from pipeline_runtime.storage import Storage

EVERY_SECONDS = 300.0
OLD_SECONDS = 3600.0
"""An upload that is under way writes at least every minute or is given up."""
RETRY_KEEP = timedelta(days=30)
"""For so long the audio of a failed item is kept, for its retry, and that of a recording with gaps."""
ASKED_AT_ONCE = 1000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OURS = re.compile(rf"{_UUID.pattern}/{_UUID.pattern}(\.[0-9]+)?")

log = structlog.get_logger()


class Sweeper:
    """Works at the start and every few minutes. Several replicas do no harm to each other.

    `keep` is for how long the audio of an imported call is kept, None for ever.
    """

    def __init__(self, storage: Storage, intake: AsyncEngine, keep: timedelta | None) -> None:
        self._storage = storage
        self._intake = intake
        self._keep = keep
        for reason in ("orphan", "imported", "duplicate", "failed", "skipped"):
            metrics.AUDIO_REMOVED.labels(reason)  # 0 before the first

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
        uploads = await self._drop_expired_uploads()
        objects = await self._drop_spent_audio()
        async with self._intake.begin() as connection:
            tokens = await people.drop_expired_tokens(connection)
        if files or uploads or objects or tokens:
            log.info("sweep.done", files=files, uploads=uploads, objects=dict(objects), expired=tokens)

    def _drop_unfinished(self) -> int:
        old = [path for path in self._storage.left_behind() if _is_old(path)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    async def _drop_expired_uploads(self) -> int:
        """Rows first: a file without a row is swept by the next round, should this one be cut off."""
        async with self._intake.begin() as connection:
            expired = await sweeping.drop_expired_uploads(connection)
        files = {path.name: path for path in await asyncio.to_thread(self._storage.partials)}
        names = [name for name in files if _UUID.fullmatch(name)]
        async with self._intake.connect() as connection:
            wanted = await sweeping.find_wanted_uploads(connection, names=names)
        for name in names:
            if name in expired or (name not in wanted and _is_old(files[name])):
                files[name].unlink(missing_ok=True)
        return len(expired)

    async def _drop_spent_audio(self) -> Counter[str]:
        """Only objects under an owner's and an upload's or an item's id are the gateway's to judge."""
        limit = time.time() - OLD_SECONDS
        found = await asyncio.to_thread(self._storage.keys)
        old = iter([key for key, changed in found if changed < limit and _OURS.fullmatch(key)])
        dropped: Counter[str] = Counter()
        while keys := list(islice(old, ASKED_AT_ONCE)):
            async with self._intake.connect() as connection:
                spent = await sweeping.find_spent_audio(connection, keys=keys, keep=self._keep, wait=RETRY_KEEP)
            for key, reason in spent:
                await self._storage.delete(key)
                metrics.AUDIO_REMOVED.labels(reason).inc()
                dropped[reason] += 1
        return dropped


def _is_old(path: Path) -> bool:
    """False also for one that has just gone."""
    try:
        return path.stat().st_mtime < time.time() - OLD_SECONDS
    except FileNotFoundError:
        return False
