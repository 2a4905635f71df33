"""The JSON of failures and retries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from ingest_gateway.schemas import Input

SlugText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
"""A source or a code."""


class FailureGroup(BaseModel):
    """Failures of one cause. `message` says it in one sentence, `titles` are the latest three calls'.

    `retryable`: a retry can help at least one of them. `retry_at` is when the first is retried by itself.
    `remedy` is what helps: to `retry`, to `reconnect` the account and retry, to `wait` for the next month
    (from `retry_from` on), or `none`, where the call itself cannot be imported.
    """

    source_app: str
    source_name: str
    account_id: UUID | None
    account_email: str | None
    code: str
    message: str | None
    count: int
    retryable: bool
    titles: list[str]
    latest_at: datetime
    retry_at: datetime | None
    remedy: Literal["retry", "reconnect", "wait", "none"]
    retry_from: datetime | None


class Failures(BaseModel):
    """All failures by cause, the most frequent first."""

    count: int
    groups: list[FailureGroup]


class FailedItem(BaseModel):
    """A call that could not be imported."""

    id: UUID
    job_id: UUID
    source_app: str
    account_id: UUID | None
    external_id: str
    title: str
    code: str
    message: str | None
    retryable: bool
    attempt: int
    retry_at: datetime | None
    ended_at: datetime


class FailedItems(BaseModel):
    """A page, the latest first. `next_before` asks for the next one; null at the end."""

    items: list[FailedItem]
    next_before: UUID | None


class FailureSelection(Input):
    """Which failures are meant; what is left out means any."""

    code: SlugText | None = Field(default=None, examples=["reconnect_needed"])
    source_app: SlugText | None = None
    account_id: UUID | None = None


class Dismissed(BaseModel):
    """How many failures are shown no more."""

    count: int


class Retried(BaseModel):
    """A failed item that was opened again; `duplicate` where the call is in the library by now."""

    item_id: UUID
    job_id: UUID
    attempt: int
    outcome: Literal["found", "joined", "duplicate"]


class RetriedAll(BaseModel):
    """How many were opened (`found`, or `joined` to another try at the same call), how many were in the
    library by now, and how many had to stay as they were because the month is used up.
    """

    found: int
    joined: int
    duplicate: int
    quota_exceeded: int
    jobs: list[UUID]
