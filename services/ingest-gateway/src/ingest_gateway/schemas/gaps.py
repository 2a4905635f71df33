"""The JSON of what is missing in a transcript."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Gap(BaseModel):
    """A stretch of a recording that could not be transcribed: times in seconds from its start.

    `retryable`: asking again may help without anything being changed.
    """

    start: float
    end: float
    code: str = Field(examples=["engine_unavailable"])
    message: str
    retryable: bool


class GapsRetried(BaseModel):
    """`gaps` are asked for again. The recording's `version` is at least this one when that is done."""

    gaps: int
    version: int
