"""What the recorder says of what it has written."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from pipeline_contracts import (
    RECORDING_CREATED,
    About,
    AudioReceived,
    ConnectorRecord,
    Encoded,
    Envelope,
    JobProgress,
    RecordingCreated,
    encode,
)

SOURCE = "/callvault/recorder"


class Announcements:
    """What one batch says of the recordings that it has made: the fact that each is in the library.

    An event's id is the recording's: told again, it is the same. The JSON is the model's, written
    without making one: that would be a tenth of the recorder's time.
    """

    def __init__(self, created_at: datetime, public_url: str) -> None:
        self._created_at = created_at
        self._link = f"{public_url}/api/recordings/"
        envelope = Envelope(RecordingCreated.event_type, SOURCE, time=created_at)
        self._headers = [pair for pair in envelope.headers() if pair[0] != "ce_id"]

    def of(
        self, record: ConnectorRecord, *, recording: UUID, owner: UUID, bank: UUID, vault: UUID, job: UUID
    ) -> Encoded:
        """The event of one recording."""
        ident, key = str(recording), str(owner)
        fields: dict[str, Any] = {
            "recording_id": ident,
            "owner_user_id": key,
            "bank_id": str(bank),
            "vault_id": str(vault),
            "job_id": str(job),
            "source_app": record.source_app,
            "external_id": record.external_id,
            "title": record.title,
            "recording_start_time": record.recording_start_time,
            "duration": record.duration,
            "transcript_length": len(record.full_transcript),
            "created_at": self._created_at,
            "link": self._link + ident,
        }
        if record.duration is None:
            del fields["duration"]
        headers = [("ce_id", f"recording.created:{ident}".encode()), *self._headers]
        return Encoded(RECORDING_CREATED.name, key.encode(), to_json(fields), headers)


def progress(job: Any) -> Encoded:
    """A job's row as a message. `job` is a row of sync_jobs."""
    message = JobProgress(
        job_id=job["id"],
        version=job["version"],
        source_app=job["source_app"],
        trigger=job["trigger"],
        status=job["status"],
        found=job["found"],
        imported=job["imported"],
        duplicates=job["duplicates"],
        failed=job["failed"],
        skipped=job["skipped"],
        open=job["open"],
        ended_at=job["ended_at"],
    )
    envelope = Envelope(
        JobProgress.event_type, SOURCE, id=f"progress:{job['id']}:{job['version']}", about=About(job["id"])
    )
    return encode(message, key=job["owner_user_id"], envelope=envelope)


def ticket(payload: dict[str, Any], *, owner: UUID, attempt: int) -> Encoded:
    """An item's ticket, for its present attempt."""
    message = AudioReceived.model_validate(payload | {"attempt": attempt})
    about = About(message.job_id, message.item_id, attempt)
    return encode(message, key=owner, envelope=Envelope(AudioReceived.event_type, SOURCE, about=about))
