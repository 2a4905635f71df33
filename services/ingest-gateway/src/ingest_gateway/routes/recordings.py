"""The library."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import NOT_FOUND, documented
from ingest_gateway.queries import recordings as queries
from ingest_gateway.routes import Before, Limit
from ingest_gateway.schemas import Recording, Recordings, RecordingWithTranscript
from pipeline_runtime.database import speaking_for

router = APIRouter(tags=["recordings"])


@router.get("/api/recordings", summary="Your calls", responses=documented())
async def list_recordings(
    caller: CallerParam, deps: DepsParam, limit: Limit = 50, before: Before = None
) -> Recordings:
    """Your calls, last imported first, without their transcripts."""
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_recordings(connection, limit=limit, before=before)
    found = [Recording(**row) for row in rows]
    return Recordings(recordings=found, next_before=found[-1].id if len(found) == limit else None)


@router.get("/api/recordings/{recording_id}", summary="One call", responses=documented(NOT_FOUND))
async def get_recording(recording_id: UUID, caller: CallerParam, deps: DepsParam) -> RecordingWithTranscript:
    """A call with its transcript."""
    async with speaking_for(deps.web, caller.user) as connection:
        row = await queries.find_recording(connection, recording=recording_id)
    if row is None:
        raise NOT_FOUND.error("You have no such recording.")
    metadata = {"external_id": row["external_id"]} | row["source_metadata"]
    return RecordingWithTranscript(**{**row, "source_metadata": metadata})
