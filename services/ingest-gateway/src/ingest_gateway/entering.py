"""Entering a file into the books: the bytes first, then one transaction of job, item, upload and messages."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.filenames import title_of
from ingest_gateway.messages import audio_received, discovery_ended
from ingest_gateway.queries import uploads
from ingest_gateway.queries.uploads import SOURCE_APP, Admitted
from ingest_gateway.storing import storing
from ingest_gateway.taking import Taken
from ingest_gateway.upload_fields import UploadFields
from pipeline_contracts import AudioReceived, RecordDraft, StoredAudio
from pipeline_runtime.database import speaking_for
from pipeline_runtime.media import Media
from pipeline_runtime.outbox import Relay, Transaction
from pipeline_runtime.storage import Incoming, Storage


@dataclass(frozen=True)
class Upload:
    """A file that is known to be a recording, and the ids that it gets."""

    owner: UUID
    taken: Taken
    media: Media
    fields: UploadFields
    id: UUID
    job: UUID
    item: UUID

    @property
    def key(self) -> str:
        """Where its bytes lie: under the owner and the upload, never shared by hash."""
        return f"{self.owner}/{self.id}"


def make_upload(owner: UUID, taken: Taken, media: Media, fields: UploadFields) -> Upload:
    """Give the file its ids."""
    return Upload(owner, taken, media, fields, id=uuid4(), job=uuid4(), item=uuid4())


async def enter(
    upload: Upload, incoming: Incoming, storage: Storage, web: AsyncEngine, relay: Relay
) -> Admitted:
    """Keep the file and enter it. If the books refuse it, its bytes are gone again.

    Where a commit's answer is lost, the bytes stay: the sweeper removes them if they have no row.
    """
    is_written = False
    try:
        with storing():
            await asyncio.to_thread(incoming.keep, upload.key)
        async with relay.transaction(speaking_for(web, upload.owner)) as transaction:
            await uploads.add_job(transaction.connection, job=upload.job, owner=upload.owner)
            admitted = await write(transaction, upload)
            is_written = True
    except BaseException:
        if not is_written:
            await drop(upload, storage)
        raise
    if admitted.outcome == "duplicate":
        await drop(upload, storage)
    return admitted


async def drop(upload: Upload, storage: Storage) -> None:
    """Remove its object. Where that fails, the sweeper does it: no row knows of the object."""
    with suppress(OSError):
        await storage.delete(upload.key)


async def write(transaction: Transaction, upload: Upload) -> Admitted:
    """Enter a file that is kept into its job, which will find no more."""
    connection, ticket = transaction.connection, ticket_of(upload)
    admitted = await uploads.admit_file(connection, job=upload.job, item=_item(upload, ticket))
    if admitted.outcome != "duplicate":
        await uploads.add_upload(
            connection, upload=upload.id, owner=upload.owner, job=upload.job, key=upload.key,
            sha256=upload.taken.sha256, size=upload.taken.size, filename=upload.taken.filename,
            content_type=upload.media.content_type, modified_at=upload.fields.modified_at,
        )  # fmt: skip
    if admitted.outcome == "found":
        transaction.emit(audio_received(ticket, owner=upload.owner))
    transaction.emit(discovery_ended(upload.job, owner=upload.owner))
    return admitted


def _item(upload: Upload, ticket: AudioReceived) -> dict[str, Any]:
    return {
        "id": str(upload.item),
        "external_id": upload.taken.sha256,
        "title": ticket.draft.title,
        "started_at": ticket.draft.recording_start_time.isoformat(),
        "ticket": ticket.model_dump(mode="json", exclude_none=True),
    }


def ticket_of(upload: Upload) -> AudioReceived:
    """The message that starts the transcription, as of the first attempt."""
    taken, started_at, told_by = upload.taken, *_started_at(upload)
    metadata = {
        "external_id": taken.sha256,
        "recording_start_time_from": told_by,
        "filename": taken.filename,
        "size": taken.size,
        "content_type": upload.media.content_type,
        "container": upload.media.container,
        "media_kind": upload.media.kind,  # of a video the sound alone is transcribed
    }
    if upload.media.duration is not None:
        metadata["duration"] = upload.media.duration
    return AudioReceived(
        job_id=upload.job,
        item_id=upload.item,
        attempt=1,
        audio=StoredAudio(
            key=upload.key, size=taken.size, sha256=taken.sha256,
            content_type=upload.media.content_type, filename=taken.filename,
        ),
        draft=RecordDraft(
            external_id=taken.sha256, source_app=SOURCE_APP, recording_start_time=started_at,
            title=upload.fields.title or title_of(taken.filename), source_metadata=metadata,
        ),
        language=upload.fields.language,
    )  # fmt: skip


def _started_at(upload: Upload) -> tuple[datetime, str]:
    """When the recording began, and who says so."""
    if upload.media.created_at:
        return upload.media.created_at, "container"
    if upload.fields.modified_at:
        return upload.fields.modified_at, "client"
    return datetime.now(UTC), "arrival"
