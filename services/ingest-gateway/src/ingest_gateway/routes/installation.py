"""What somebody who is not signed in may know of this installation."""

from __future__ import annotations

from fastapi import APIRouter, Request

from ingest_gateway.deps import DepsParam
from ingest_gateway.media_types import ACCEPTED
from ingest_gateway.schemas.installation import Installation

router = APIRouter(tags=["documents"])


@router.get("/api/info", summary="This installation")
async def get_info(request: Request, deps: DepsParam) -> Installation:
    """The version, whether anybody may sign up, what files are taken. Nobody has to be signed in."""
    settings = deps.settings
    return Installation(
        version=request.app.version, signup=settings.signup, upload_limit_bytes=settings.upload_limit_bytes,
        accepted_types=ACCEPTED,
    )  # fmt: skip
