"""The JSON of the library."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest_gateway.schemas import Trigger
from ingest_gateway.schemas.gaps import Gap

Sort = Literal["imported", "recorded"]
TranscriptFormat = Literal["txt", "vtt", "json"]


class TextPart(BaseModel):
    """A piece of plain text, and whether it is what was searched for."""

    text: str
    is_match: bool


class Match(BaseModel):
    """Where a search has found a call. `transcript` is a piece of it; empty where the words stand elsewhere."""

    title: list[TextPart]
    transcript: list[TextPart]


class Recording(BaseModel):
    """A call in the library. `transcript_length` in characters. `match` only where a search was asked for.

    `is_partial`: some of it could not be transcribed, and is missing.
    """

    id: UUID
    title: str
    source_app: str
    external_id: str
    recording_start_time: datetime
    duration: float | None
    transcript_length: int
    is_partial: bool
    created_at: datetime
    match: Match | None = None


class Recordings(BaseModel):
    """A page. `next_before` asks for the next one; null at the end. `count` is of all pages, on the first."""

    recordings: list[Recording]
    next_before: UUID | None
    count: int | None


class TranscriptSegment(BaseModel):
    """A stretch of speech; times in seconds from the recording's start."""

    start: float
    end: float
    speaker: str | None = None
    text: str


class ImportRecord(BaseModel):
    """How a call came in: `imported` once, `duplicate` each time that it was found again in another import."""

    item_id: UUID
    job_id: UUID
    status: Literal["imported", "duplicate"]
    trigger: Trigger
    account_id: UUID | None
    account_email: str | None
    filename: str | None
    ended_at: datetime


class RecordingWithTranscript(Recording):
    """A call with all that is known of it. `source_url` leads to the call at its source, where that is known.

    `history` begins with the import; of the times when it was found again it has the latest hundred.
    """

    full_transcript: str
    version: int = Field(description="Of the transcript: raised when gaps of it are filled.")
    gaps: list[Gap] = Field(description="What is missing in it.")
    segments: list[TranscriptSegment] | None
    source_metadata: dict[str, Any]
    source_url: str | None = Field(examples=["https://www.youtube.com/watch?v=…"])
    bank_id: UUID
    vault_ids: list[UUID]
    global_tags: list[str]
    history: list[ImportRecord]


class Transcript(BaseModel):
    """A transcript as it is downloaded as JSON."""

    title: str
    source_app: str
    recording_start_time: datetime
    duration: float | None
    segments: list[TranscriptSegment] | None
    gaps: list[Gap]
    text: str
