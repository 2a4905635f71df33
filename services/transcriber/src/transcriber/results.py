"""What the transcriber says: a record, an amended one, a failure, what it is doing. Ids come from the fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
    TranscriptAmended,
    encode,
)
from pipeline_runtime import traces
from pipeline_runtime.failures import TRANSCRIPT_TOO_LARGE, ItemProblem
from pipeline_runtime.tasks import Task
from transcriber import accounts
from transcriber.joining import join
from transcriber.manifest import Piece, SavedPart
from transcriber.transcript import Transcript

SERVICE = "transcriber"


@dataclass(frozen=True)
class Gap:
    """What is missing, in seconds of the recording, and why."""

    start: float
    end: float
    problem: ItemProblem

    def told(self) -> dict[str, Any]:
        """For a record's metadata."""
        problem = self.problem
        return {
            "start": round(self.start, 3), "end": round(self.end, 3), "code": problem.code,
            "message": problem.message, "retryable": problem.retryable,
        }  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A recording of so many seconds: what was heard of it, and what is missing."""

    seconds: float
    heard: Sequence[tuple[Piece, SavedPart]]
    gaps: Sequence[Gap]

    @cached_property
    def whole(self) -> Transcript:
        """All that was heard, as one."""
        return join([(piece, saved.transcript) for piece, saved in self.heard])

    def told(self) -> dict[str, Any]:
        """How it was made, for a record's metadata."""
        engines = [saved.engine for _, saved in self.heard]
        parts = [saved.transcript for _, saved in self.heard]
        engine = max(engines, key=engines.count)
        by = accounts.told(engine, parts, dropped=self.whole.dropped)
        gaps = [gap.told() for gap in self.gaps]
        return by | {"parts": len(parts) + len(gaps)} | ({"partial": True, "gaps": gaps} if gaps else {})


def record_of(ticket: AudioReceived, task: Task, made: Made) -> Encoded:
    """The draft with its transcript. Raises transcript_too_large."""
    draft = ticket.draft
    record = ConnectorRecord(
        **{**dict(draft), "source_metadata": draft.source_metadata | _metadata(made)},
        full_transcript=made.whole.text,
        duration=round(made.seconds, 3),
        segments=made.whole.segments or None,
    )
    return _encoded_result(record, task, fact=f"{task.item_id}.{task.attempt}.record")


def amendment_of(ticket: AudioReceived, task: Task, made: Made, *, version: int) -> Encoded:
    """The transcript of a recording that is in the library. Raises transcript_too_large."""
    amended = TranscriptAmended(
        job_id=ticket.job_id,
        item_id=ticket.item_id,
        version=version,
        full_transcript=made.whole.text,
        segments=made.whole.segments or None,
        source_metadata=_metadata(made),
    )
    return _encoded_result(amended, task, fact=f"{task.item_id}.{version}.amended")


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


def _metadata(made: Made) -> dict[str, Any]:
    return {"language_checked": made.whole.language_checked, "transcription": made.told()}


def _encoded_result(message: Message, task: Task, *, fact: str) -> Encoded:
    about = About(task.job_id, task.item_id, task.attempt)
    try:
        return _encoded(message, task.owner_user_id, about, fact=fact)
    except MessageTooLarge as error:
        raise ItemProblem(TRANSCRIPT_TOO_LARGE) from error


def _encoded(message: Message, owner: UUID, about: About, *, fact: str) -> Encoded:
    envelope = Envelope(
        type=message.event_type, source=SERVICE, id=fact, traceparent=traces.current(), about=about
    )
    return encode(message, key=owner, envelope=envelope)
