"""What is missing in a transcript, asked for again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import FOREIGN_ORIGIN, GAPS_GONE, NO_GAPS, NOT_FOUND, documented
from ingest_gateway.queries import gaps as queries
from ingest_gateway.schemas.gaps import Gap, GapsRetried
from pipeline_runtime.database import speaking_for

router = APIRouter(tags=["recordings"])


def gaps_in(metadata: dict[str, Any]) -> list[Gap]:
    """What is missing, by a recording's metadata. Other sources' metadata may have anything there."""
    told = metadata.get("transcription")
    gaps = told.get("gaps") if isinstance(told, dict) else None
    return [Gap.model_validate(gap) for gap in gaps] if isinstance(gaps, list) else []


@router.post(
    "/api/recordings/{recording_id}/gaps/retry", status_code=202, summary="Retry what is missing in a call",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, NO_GAPS, GAPS_GONE),
)  # fmt: skip
async def retry_gaps(recording_id: UUID, caller: CallerParam, deps: DepsParam) -> GapsRetried:
    """Have the missing stretches transcribed again. Asked twice, they are asked for once."""
    async with speaking_for(deps.web, caller.user) as connection:
        retry = await queries.retry_gaps(connection, recording=recording_id)
    if retry is None:
        raise NOT_FOUND.error("You have no such recording.")
    if retry.outcome == "whole":
        raise NO_GAPS.error()
    if retry.outcome == "gone":
        raise GAPS_GONE.error()
    return GapsRetried(gaps=retry.gaps, version=retry.version)
