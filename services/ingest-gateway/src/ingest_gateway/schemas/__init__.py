"""The API's JSON. Times are ISO 8601 with a zone, durations in seconds, sizes in bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from pipeline_contracts import JobStatus

Trigger = Literal["upload", "connect", "manual", "schedule", "webhook", "retry"]
ItemStatus = Literal["found", "imported", "duplicate", "failed", "skipped"]


class Input(BaseModel):
    """What comes in: fields that nobody knows are mistakes."""

    model_config = ConfigDict(extra="forbid")


class NewUser(Input):
    """A new local account. The password has 10 to 256 characters."""

    email: Annotated[str, StringConstraints(max_length=320)] = Field(examples=["you@example.com"])
    password: SecretStr


class Credentials(Input):
    """Signing in."""

    email: Annotated[str, StringConstraints(max_length=320)] = Field(examples=["you@example.com"])
    password: SecretStr


class User(BaseModel):
    """Somebody with an account."""

    id: UUID
    email: str
    plan: str


class Me(User):
    """The user with the personal bank and vault, where uploads go."""

    bank_id: UUID
    vault_id: UUID


class Usage(BaseModel):
    """This month's imports, by UTC. `limit` is null where the plan has none.

    `pending` calls are on their way, and count once they are in the library. `remaining` can still be
    imported besides. `message` says what happens next where that is little or nothing.
    """

    plan: str
    month: str = Field(examples=["2026-11"])
    used: int
    pending: int
    limit: int | None
    remaining: int | None
    resets_at: datetime
    message: str | None


class NewToken(Input):
    """A personal API token; without `expires_in_days` it lasts until it is deleted."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class Token(BaseModel):
    """A personal API token, without what is secret. `last_used_at` is right to the minute."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class Tokens(BaseModel):
    """A user's tokens, newest first."""

    tokens: list[Token]


class FreshToken(BaseModel):
    """The only time that the token itself is shown."""

    id: UUID
    name: str
    token: str = Field(examples=["cv_…"])
    created_at: datetime
    expires_at: datetime | None


class Failure(BaseModel):
    """Why an item failed: a stable code, a sentence for the user."""

    code: str
    message: str


class Accepted(BaseModel):
    """A file that was taken in. `status` is that of the job.

    `outcome`: `found` (work begins), `joined` (the same bytes are being imported already), `duplicate`
    (they are in the library as `recording_id`), `quota_exceeded` (kept as a failed item, to be retried).
    """

    job_id: UUID
    item_id: UUID
    status: JobStatus
    filename: str
    size: int
    external_id: str = Field(description="The SHA-256 of the bytes, in hex.")
    outcome: Literal["found", "joined", "duplicate", "quota_exceeded"]
    recording_id: UUID | None
    error: Failure | None


class Job(BaseModel):
    """An import. found = imported + duplicates + failed + skipped + open, always.

    `seen` calls were found again and are not counted; nothing found and nothing failed is "nothing new".
    `code` and `message` say why not everything could be looked for. `version` grows with every change;
    `title` is that of the first call found.
    """

    id: UUID
    source_app: str
    account_id: UUID | None
    trigger: Trigger
    title: str | None
    status: JobStatus
    found: int
    imported: int
    duplicates: int
    failed: int
    skipped: int
    open: int
    seen: int
    code: str | None
    message: str | None
    version: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None


class Item(BaseModel):
    """One call of a job. `code` and `message` say why it failed; `retry_at` when it is retried by itself."""

    id: UUID
    external_id: str
    title: str
    status: ItemStatus
    code: str | None
    message: str | None
    retryable: bool
    attempt: int
    recording_id: UUID | None
    retry_at: datetime | None
    ended_at: datetime | None


class JobWithItems(Job):
    """An import with all its calls."""

    items: list[Item]


class Items(BaseModel):
    """A page of a job's calls, in the order in which they were found."""

    items: list[Item]
    next_after: UUID | None


class Import(Job):
    """An import of a file or of links. `filename` and `size` are those of an upload; `upload_id` is that of a
    resumable one, whose bytes are looked at before there is a call.

    `links` are those that were given. `item` is the call, where the import has found exactly one.
    """

    upload_id: UUID | None
    filename: str | None
    size: int | None
    links: list[str]
    item: Item | None


class Imports(BaseModel):
    """A page, newest first. `next_before` asks for the next one; null at the end."""

    imports: list[Import]
    next_before: UUID | None


class Jobs(BaseModel):
    """A page, newest first. `next_before` asks for the next one; null at the end."""

    jobs: list[Job]
    next_before: UUID | None


class AccountState(BaseModel):
    """How a connected account stands."""

    id: UUID
    source_app: str
    version: int
    status: Literal["active", "paused", "error", "disconnected"]
    reason: str | None
    email: str | None
