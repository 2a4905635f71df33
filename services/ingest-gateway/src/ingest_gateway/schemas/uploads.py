"""The JSON of uploads. Sizes in bytes, hashes are SHA-256 in hex."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from ingest_gateway.schemas import Failure, Input
from pipeline_contracts import JobStatus

AT_ONCE = 1000

UploadState = Literal["receiving", "checking", "done", "refused"]


class Upload(BaseModel):
    """A resumable upload. `receiving`: bytes from `offset` on are wanted. `checking`: all are here, and are
    being looked at. `done`: the file is in the books of its job. `refused`: `error` says why.

    `status` is the job's. `outcome` is as of a file that was posted; `quota_exceeded` has an `error` too.
    """

    id: UUID
    state: UploadState
    filename: str
    size: int
    offset: int
    created_at: datetime
    expires_at: datetime
    job_id: UUID | None
    item_id: UUID | None
    status: JobStatus | None
    outcome: Literal["found", "joined", "duplicate", "quota_exceeded"] | None
    recording_id: UUID | None
    error: Failure | None


class Hashes(Input):
    """Files that may be in the library already, by the SHA-256 of their bytes."""

    sha256: Annotated[
        list[Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]],
        Field(min_length=1, max_length=AT_ONCE),
    ]


class KnownFile(BaseModel):
    """What of a file is here. `imported`: it is in the library. `importing`: its job is at work. `receiving`
    and `checking`: an upload that claims this hash is under way. `failed`: its job has, and may be retried.
    `unknown`: nothing.
    """

    sha256: str
    state: Literal["imported", "importing", "receiving", "checking", "failed", "unknown"]
    recording_id: UUID | None
    job_id: UUID | None
    upload_id: UUID | None


class KnownFiles(BaseModel):
    """In the order in which they were asked for."""

    files: list[KnownFile]
