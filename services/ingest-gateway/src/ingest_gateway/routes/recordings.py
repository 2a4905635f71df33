"""The library."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy import RowMapping

from ingest_gateway.callers import Caller
from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.links import clean_link
from ingest_gateway.problems import NO_TIMES, NOT_FOUND, documented
from ingest_gateway.queries import recordings as queries
from ingest_gateway.queries.recordings import Search
from ingest_gateway.routes import Before, Limit
from ingest_gateway.routes.gaps import gaps_in
from ingest_gateway.schemas.failures import SlugText
from ingest_gateway.schemas.recordings import (
    Recording,
    Recordings,
    RecordingWithTranscript,
    Sort,
    TranscriptFormat,
)
from ingest_gateway.searching import Words
from ingest_gateway.transcripts import MEDIA_TYPES, make_download
from pipeline_runtime.database import speaking_for

LONGEST_QUERY = 200
_LINKS = ("share_url", "url")
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {kind: {} for kind in MEDIA_TYPES.values()}}
}
_HELP = "Words, each the beginning of one in title or transcript."
Wanted = Annotated[str | None, Query(max_length=LONGEST_QUERY, description=_HELP)]

router = APIRouter(tags=["recordings"])


@router.get("/api/recordings", summary="Your calls", responses=documented())
async def list_recordings(
    caller: CallerParam, deps: DepsParam, limit: Limit = 50, before: Before = None, q: Wanted = None,
    source_app: Annotated[SlugText | None, Query(description="Of this source only.")] = None,
    sort: Annotated[Sort, Query(description="The latest in the library, or the latest recorded.")] = "imported",
) -> Recordings:  # fmt: skip
    """Your calls without their transcripts, the latest first; with `q` those that have all of its words.

    A call's transcript can be searched some seconds after it came in, its title at once.
    """
    words = Words(q) if q and not q.isspace() else None
    if words is not None and not words:
        return Recordings(recordings=[], next_before=None, count=0)
    search = Search(source_app, words.text, words.pattern) if words else Search(source_app)
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_recordings(connection, search=search, sort=sort, limit=limit, before=before)
        count = await queries.count_recordings(connection, search=search) if before is None else None
    found = [_shown(row, words) for row in rows]
    return Recordings(recordings=found, next_before=found[-1].id if len(found) == limit else None, count=count)


@router.get("/api/recordings/{recording_id}", summary="One call", responses=documented(NOT_FOUND))
async def get_recording(recording_id: UUID, caller: CallerParam, deps: DepsParam) -> RecordingWithTranscript:
    """A call with its transcript, and how it came in."""
    return await _find(recording_id, caller, deps)


@router.get(
    "/api/recordings/{recording_id}/transcript", summary="A transcript as a file", response_class=Response,
    responses=_FILE | documented(NOT_FOUND, NO_TIMES),
)  # fmt: skip
async def get_transcript(
    recording_id: UUID, caller: CallerParam, deps: DepsParam,
    kind: Annotated[TranscriptFormat, Query(alias="format", description="Which kind of file.")] = "txt",
) -> Response:  # fmt: skip
    """Plain text, WebVTT or JSON, to be downloaded. Subtitles need a transcript with times."""
    download = make_download(await _find(recording_id, caller, deps), kind)
    return Response(
        download.content, media_type=download.media_type, headers={"Content-Disposition": download.disposition}
    )


def _shown(row: RowMapping, words: Words | None) -> Recording:
    match = words.match(row["title"], row["snippet"], row["place"]) if words else None
    return Recording(**{**row, "match": match})


async def _find(recording: UUID, caller: Caller, deps: Deps) -> RecordingWithTranscript:
    async with speaking_for(deps.web, caller.user) as connection:
        row = await queries.find_recording(connection, recording=recording)
        history = await queries.list_imports(connection, recording=recording)
    if row is None:
        raise NOT_FOUND.error("You have no such recording.")
    metadata = {"external_id": row["external_id"]} | row["source_metadata"]
    told = {"source_metadata": metadata, "source_url": _link_in(metadata), "history": history}
    return RecordingWithTranscript.model_validate({**row, **told, "gaps": gaps_in(metadata)})


def _link_in(metadata: dict[str, Any]) -> str | None:
    """Where the call lies at its source. Only an address that a browser may safely be sent to."""
    links = (clean_link(link) for name in _LINKS if isinstance(link := metadata.get(name), str))
    return next((link for link in links if link), None)
