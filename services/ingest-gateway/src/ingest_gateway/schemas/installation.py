"""The JSON of what everybody may know."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class AcceptedType(BaseModel):
    """A kind of file. `has_picture`: it may be a video, of which the sound alone is transcribed."""

    name: str = Field(examples=["MP4"])
    extensions: list[str] = Field(examples=[[".mp4"]])
    media_types: list[str] = Field(examples=[["video/mp4"]])
    has_picture: bool


class Installation(BaseModel):
    """This installation. `signup`: whether anybody may make an account, or the administrator does."""

    version: str
    signup: Literal["open", "closed"]
    upload_limit_bytes: int
    accepted_types: list[AcceptedType]
