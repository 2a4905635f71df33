"""What the recorder says of what it has written."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline_contracts import (
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


def recording_created(
    record: ConnectorRecord, *, recording: UUID, owner: UUID, bank: UUID, vault: UUID, job: UUID,
    created_at: datetime, public_url: str,
) -> Encoded:  # fmt: skip
    """The fact that a call is in the library. Its event id is the recording's: told again, it is the same."""
    message = RecordingCreated.model_construct(
        recording_id=recording,
        owner_user_id=owner,
        bank_id=bank,
        vault_id=vault,
        job_id=job,
        source_app=record.source_app,
        external_id=record.external_id,
        title=record.title,
        recording_start_time=record.recording_start_time,
        duration=record.duration,
        transcript_length=len(record.full_transcript),
        created_at=created_at,
        link=f"{public_url}/api/recordings/{recording}",
    )
    envelope = Envelope(
        RecordingCreated.event_type, SOURCE, id=f"recording.created:{recording}", time=created_at
    )
    return encode(message, key=owner, envelope=envelope)


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
