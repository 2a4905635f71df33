"""Messages as a connector or the transcriber would send them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pipeline_contracts import About, ConnectorRecord, Encoded, Envelope, ItemFailed, encode
from tests.support.stack import Person

SOURCE = "/tests"


class Raw:
    """A Kafka record as the recorder sees it."""

    def __init__(self, message: Encoded) -> None:
        self.key, self.value, self.headers = message.key, message.value, message.headers
        self.topic, self.partition, self.offset, self.timestamp = message.topic, 0, 0, 0


def record(person: Person, job: UUID, external_id: str, **more: Any) -> Encoded:
    """A record of an item of a job. `more` replaces fields."""
    fields: dict[str, Any] = {
        "external_id": external_id,
        "source_app": "file_upload",
        "title": f"Call {external_id}",
        "full_transcript": f"What was said in {external_id}.",
        "recording_start_time": "2026-11-20T10:00:00+01:00",
        "duration": 61.5,
        "source_metadata": {"external_id": external_id, "filename": "call.m4a"},
    }
    item = more.pop("item", None)
    message = ConnectorRecord.model_validate(fields | more)
    envelope = Envelope(message.event_type, SOURCE, about=About(job, item))
    return encode(message, key=person.id, envelope=envelope)


def failure(
    person: Person, job: UUID, item: UUID, *, attempt: int = 1, code: str = "no_speech", retryable: bool = False
) -> Encoded:
    """A failed attempt at an item."""
    message = ItemFailed(
        job_id=job, item_id=item, attempt=attempt, code=code, message="It did not work.", retryable=retryable
    )
    envelope = Envelope(message.event_type, SOURCE, about=About(job, item, attempt))
    return encode(message, key=person.id, envelope=envelope)
