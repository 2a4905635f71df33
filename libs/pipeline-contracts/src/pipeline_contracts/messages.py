"""The messages. Frozen facts: ids, times and small values; no secrets, no signed links.

Unknown fields are ignored by every reader, so that a field may be added before all readers know it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_serializer,
    model_validator,
)

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
"""A short stable name: a source or an error code."""

ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""What the source calls the item. Unique together with owner and source."""

Title = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

JobStatus = Literal["queued", "running", "completed", "partial", "failed", "cancelled"]


class Message(BaseModel):
    """What all messages share: immutable, unknown fields ignored, a CloudEvents type.

    A schema is built when it is first needed: no process uses all of them, and each start is quicker.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", allow_inf_nan=False)

    event_type: ClassVar[str]


class Segment(BaseModel):
    """A stretch of speech; times in seconds from the recording's start."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", allow_inf_nan=False)

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    speaker: str | None = None
    text: str


class RecordDraft(BaseModel):
    """A record as far as it is known before there is a transcript.

    `source_metadata` must carry `external_id`, equal to the draft's; it is put first.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", allow_inf_nan=False)

    external_id: ExternalId
    source_app: Slug
    title: Title
    recording_start_time: AwareDatetime
    source_metadata: dict[str, Any]
    bank_id: UUID | None = None
    vault_id: UUID | None = None

    @field_serializer("source_metadata")
    def _put_the_external_id_first(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {"external_id": self.external_id} | metadata

    @model_validator(mode="after")
    def _one_external_id(self) -> RecordDraft:
        if self.source_metadata.get("external_id") != self.external_id:
            raise ValueError("source_metadata.external_id must equal external_id")
        return self


class ConnectorRecord(RecordDraft, Message):
    """One call, normalised: what every source comes down to.

    `duration` is in seconds. The owner is that of the job named in the headers, never of the
    message. Without `bank_id` and `vault_id` the call goes to the owner's personal ones.
    """

    event_type: ClassVar[str] = "callvault.import.record.v1"

    full_transcript: str
    duration: float | None = Field(default=None, ge=0)
    segments: tuple[Segment, ...] | None = None


class TranscriptAmended(Message):
    """A better transcript of a call that is in the library: gaps of it were filled.

    The item is the one that imported it. The highest `version` holds; the first transcript is 1.
    `source_metadata` are the keys of the recording's metadata that are new.
    """

    event_type: ClassVar[str] = "callvault.import.transcript_amended.v1"

    job_id: UUID
    item_id: UUID
    version: int = Field(ge=2)
    full_transcript: str
    segments: tuple[Segment, ...] | None = None
    source_metadata: dict[str, Any]


class StoredAudio(BaseModel):
    """An object in storage: its key, its size in bytes, the SHA-256 of its bytes in hex."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    size: int = Field(ge=0)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    content_type: str
    filename: str


class AudioReceived(Message):
    """Audio lies in storage and wants a transcript. A ticket: the work lasts longer than the message."""

    event_type: ClassVar[str] = "callvault.import.audio_received.v1"

    job_id: UUID
    item_id: UUID
    attempt: int = Field(ge=1)
    audio: StoredAudio
    draft: RecordDraft
    language: str | None = None


class ItemFailed(Message):
    """An attempt at an item failed. `message` is for the user; a retry can help where `retryable`."""

    event_type: ClassVar[str] = "callvault.import.item_failed.v1"

    job_id: UUID
    item_id: UUID
    attempt: int = Field(ge=1)
    code: Slug
    message: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    retryable: bool


class ItemSkipped(Message):
    """An item ends without a recording and without a failure. `message` is for the user.

    `revisit_at` is when another look is worth it: a transcript that is not there yet.
    """

    event_type: ClassVar[str] = "callvault.import.item_skipped.v1"

    job_id: UUID
    item_id: UUID
    attempt: int = Field(ge=1)
    code: Literal["not_ready", "cancelled", "unsupported", "deleted"]
    message: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    revisit_at: AwareDatetime | None = None


class DiscoveryEnded(Message):
    """Nothing more will be found for this job. A nudge: the truth is in the job's row."""

    event_type: ClassVar[str] = "callvault.import.discovery_ended.v1"

    job_id: UUID


class JobProgress(Message):
    """A job's counters. Readers keep the highest `version`.

    found = imported + duplicates + failed + skipped + open, always. `seen` were found again and are
    not counted. `code` and `message` say why not everything could be looked for.
    """

    event_type: ClassVar[str] = "callvault.import.progress.v1"

    job_id: UUID
    version: int = Field(ge=1)
    source_app: Slug
    trigger: str
    status: JobStatus
    found: int = Field(ge=0)
    imported: int = Field(ge=0)
    duplicates: int = Field(ge=0)
    failed: int = Field(ge=0)
    skipped: int = Field(ge=0)
    open: int = Field(ge=0)
    seen: int | None = Field(default=None, ge=0)
    code: Slug | None = None
    message: str | None = None
    ended_at: AwareDatetime | None = None


class ImportActivity(Message):
    """What a task is doing now. At most one a second, and any may be lost.

    `seconds_done` and `seconds_total` are of audio; `until` is when a wait ends.
    """

    event_type: ClassVar[str] = "callvault.import.activity.v1"

    job_id: UUID
    item_id: UUID
    doing: Literal["reading", "transcribing", "waiting", "publishing"]
    until: AwareDatetime | None = None
    seconds_done: float | None = Field(default=None, ge=0)
    seconds_total: float | None = Field(default=None, ge=0)


class RecordingCreated(Message):
    """A call is in the library. The transcript is behind `link`, not in here.

    `duration` is in seconds, `transcript_length` in characters.
    """

    event_type: ClassVar[str] = "callvault.recording.created.v1"

    recording_id: UUID
    owner_user_id: UUID
    bank_id: UUID
    vault_id: UUID
    job_id: UUID
    source_app: Slug
    external_id: ExternalId
    title: Title
    recording_start_time: AwareDatetime
    duration: float | None = None
    transcript_length: int = Field(ge=0)
    created_at: AwareDatetime
    link: str


class RecordingUpdated(Message):
    """A call in the library has another transcript: what was missing in it was heard. It is behind `link`.

    The highest `version` holds; the call came with 1. `gaps` is how many are left, `transcript_length` is
    in characters.
    """

    event_type: ClassVar[str] = "callvault.recording.updated.v1"

    recording_id: UUID
    owner_user_id: UUID
    bank_id: UUID
    source_app: Slug
    external_id: ExternalId
    title: Title
    version: int = Field(ge=2)
    gaps: int = Field(ge=0)
    transcript_length: int = Field(ge=0)
    updated_at: AwareDatetime
    link: str
