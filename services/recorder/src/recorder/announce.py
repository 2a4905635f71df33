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
    RecordingCreated,
    encode,
)
from recorder.statements import SOURCE


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
        self._headers_json = to_json(dict(self._headers)).decode().removeprefix("{")

    def headers_json(self, recording: UUID) -> str:
        """The event's headers as the outbox keeps them."""
        return f'{{"ce_id":"recording.created:{recording}",{self._headers_json}'

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


def ticket(payload: dict[str, Any], *, owner: UUID, attempt: int) -> Encoded:
    """An item's ticket, for its present attempt."""
    message = AudioReceived.model_validate(payload | {"attempt": attempt})
    about = About(message.job_id, message.item_id, attempt)
    return encode(message, key=owner, envelope=Envelope(AudioReceived.event_type, SOURCE, about=about))
