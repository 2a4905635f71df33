"""Checking an upload that is whole: hashed, looked into, kept, entered into the books. A task, by any replica.

Each step may be done again: the bytes stay in the upload's file until the books have them, keeping them
under their key twice changes nothing, and one transaction decides.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.entering import Upload, drop, write
from ingest_gateway.messages import discovery_ended
from ingest_gateway.queries import incoming
from ingest_gateway.queries.incoming import Incoming
from ingest_gateway.queries.uploads import SOURCE_APP, Admitted
from ingest_gateway.resumable.protocol import fields_of, read_metadata
from ingest_gateway.taking import Taken
from ingest_gateway.upload_fields import read_fields
from pipeline_runtime import metrics
from pipeline_runtime.database import speaking_for
from pipeline_runtime.failures import ItemProblem, Problem
from pipeline_runtime.media import Media, probe
from pipeline_runtime.outbox import Relay
from pipeline_runtime.storage import Storage

READ_AT_ONCE = 1024 * 1024
CANCELLED = Problem("cancelled", "You cancelled this import.", retryable=False)

log = structlog.get_logger()


@dataclass(frozen=True)
class Checking:
    """What the work needs."""

    web: AsyncEngine
    relay: Relay
    storage: Storage

    async def check(self, name: UUID, owner: UUID) -> str:
        """Do all of it; how it ended: an outcome or a code.

        Raises FileNotFoundError where this machine does not have the bytes, OSError for storage.
        """
        async with speaking_for(self.web, owner) as connection:
            found = await incoming.find_incoming(connection, upload=name)
        if found is None or found.state != "checking" or found.job_id is None:
            return "decided before"
        try:
            upload = await self._read(found, found.job_id)
        except ItemProblem as problem:
            return await self.refuse(found, problem)
        await asyncio.to_thread(self.storage.put, upload.key, self.storage.partial(found.id))
        return await self._enter(found, upload)

    async def refuse(self, found: Incoming, problem: ItemProblem) -> str:
        """The upload and its job end with the problem; of the bytes nothing stays."""
        assert found.job_id is not None
        async with self.relay.transaction(speaking_for(self.web, found.owner)) as transaction:
            connection = transaction.connection
            if await incoming.lock_checked(connection, upload=found.id) is None:
                return "decided before"
            await incoming.refuse_whole(
                connection, upload=found.id, job=found.job_id, code=problem.code, message=problem.message
            )
            transaction.emit(discovery_ended(found.job_id, owner=found.owner))
        await self._forget_bytes(found)
        metrics.UPLOADS.labels(problem.code).inc()
        return problem.code

    async def _read(self, found: Incoming, job: UUID) -> Upload:
        """The file as the books want it. Raises ItemProblem."""
        path = self.storage.partial(found.id)
        sha256 = await _hashed(path)
        media: Media = await asyncio.to_thread(probe, path)
        fields = fields_of(read_metadata(found.metadata))
        if found.claimed_sha256 not in (None, sha256):
            log.info("upload.claim_differs", upload=str(found.id))
        return Upload(
            found.owner, Taken(found.filename, found.size, sha256, fields), media, read_fields(fields),
            id=found.id, job=job, item=uuid4(),
        )  # fmt: skip

    async def _enter(self, found: Incoming, upload: Upload) -> str:
        async with self.relay.transaction(speaking_for(self.web, found.owner)) as transaction:
            connection = transaction.connection
            if await incoming.lock_checked(connection, upload=found.id) is None:
                return "decided before"
            is_cancelled = await incoming.is_cancelled(connection, job=upload.job)
            if not is_cancelled:
                admitted = await write(transaction, upload)
                await incoming.mark_done(connection, upload=found.id, outcome=admitted.outcome)
        if is_cancelled:
            await drop(upload, self.storage)
            return await self.refuse(found, ItemProblem(CANCELLED))
        await self._tidy(found, upload, admitted)
        return admitted.outcome

    async def _tidy(self, found: Incoming, upload: Upload, admitted: Admitted) -> None:
        metrics.UPLOADS.labels(admitted.outcome).inc()
        metrics.LISTED.labels(SOURCE_APP, admitted.outcome).inc()
        log.info("upload.taken", job=str(upload.job), item=str(upload.item), outcome=admitted.outcome)
        if admitted.outcome == "duplicate":
            await drop(upload, self.storage)
        await self._forget_bytes(found)

    async def _forget_bytes(self, found: Incoming) -> None:
        await asyncio.to_thread(self.storage.partial(found.id).unlink, missing_ok=True)


async def _hashed(path: Path) -> str:
    """SHA-256 in hex. Ends soon when it is cancelled, though its thread cannot be."""
    stop = Event()
    try:
        return await asyncio.to_thread(_hash, path, stop)
    finally:
        stop.set()


def _hash(path: Path, stop: Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not stop.is_set() and (piece := file.read(READ_AT_ONCE)):
            digest.update(piece)
    return digest.hexdigest()
