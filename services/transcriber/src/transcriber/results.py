"""What the transcriber says: a record, a failure, or what it is doing. Ids come from the fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pipeline_contracts import (
    About,
    AudioReceived,
    ConnectorRecord,
    Encoded,
    Envelope,
    ImportActivity,
    ItemFailed,
    Message,
    MessageTooLarge,
    encode,
)
from pipeline_runtime import traces
from pipeline_runtime.failures import TRANSCRIPT_TOO_LARGE, ItemProblem
from transcriber.transcript import Transcript

SERVICE = "transcriber"


def record_of(
    ticket: AudioReceived, owner: UUID, heard: Transcript, *, seconds: float, by: dict[str, Any]
) -> Encoded:
    """The draft with its transcript. `by` says who made it: engine and model.

    Raises transcript_too_large.
    """
    draft = ticket.draft
    told = {
        **draft.source_metadata,
        "language_checked": heard.language_checked,
        "transcription": {**by, "language": heard.language, "usage": heard.usage},
    }
    record = ConnectorRecord(
        **{**dict(draft), "source_metadata": told},
        full_transcript=heard.text,
        duration=round(seconds, 3),
        segments=heard.segments or None,
    )
    about = About(ticket.job_id, ticket.item_id, ticket.attempt)
    try:
        return _encoded(record, owner, about, fact=f"{ticket.item_id}.{ticket.attempt}.record")
    except MessageTooLarge as error:
        raise ItemProblem(TRANSCRIPT_TOO_LARGE) from error


def failure_of(about: About, owner: UUID, problem: ItemProblem) -> Encoded:
    """The end of an attempt without a record. `about` must name the item."""
    assert about.item is not None
    failed = ItemFailed(
        job_id=about.job,
        item_id=about.item,
        attempt=about.attempt,
        code=problem.code,
        message=problem.message,
        retryable=problem.retryable,
    )
    return _encoded(failed, owner, about, fact=f"{about.item}.{about.attempt}.failed")


def activity_of(activity: ImportActivity, owner: UUID) -> Encoded:
    """A glimpse of the work."""
    return encode(activity, key=owner, envelope=Envelope(type=activity.event_type, source=SERVICE))


def _encoded(message: Message, owner: UUID, about: About, *, fact: str) -> Encoded:
    envelope = Envelope(
        type=message.event_type, source=SERVICE, id=fact, traceparent=traces.current(), about=about
    )
    return encode(message, key=owner, envelope=envelope)
