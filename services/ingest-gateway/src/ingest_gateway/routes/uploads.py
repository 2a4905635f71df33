"""Resumable uploads by tus 1.0, and what is known of a file before it is uploaded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response

from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    INVALID_FIELD,
    INVALID_FILENAME,
    METHOD_NOT_ALLOWED,
    MISSING_LENGTH,
    MISSING_OFFSET,
    NOT_FOUND,
    NOT_OFFSET_STREAM,
    PIECE_TOO_LARGE,
    SOURCE_SWITCHED_OFF,
    STORAGE_UNAVAILABLE,
    TOO_MANY_UPLOADS,
    TUS_VERSION,
    UPLOAD_EXPIRED,
    UPLOAD_FINISHED,
    UPLOAD_LOCKED,
    UPLOAD_STALLED,
    WRONG_OFFSET,
    ProblemError,
    documented,
)
from ingest_gateway.queries import incoming as queries
from ingest_gateway.queries.incoming import Incoming
from ingest_gateway.resumable.holds import Hold, holding, require_usable
from ingest_gateway.resumable.pieces import Pieces
from ingest_gateway.resumable.protocol import (
    CHECK,
    EXTENSIONS,
    PATH,
    VERSION,
    claimed_sha256,
    fields_of,
    filename_of,
    http_date,
    is_stream,
    read_metadata,
    require_stream,
    require_version,
)
from ingest_gateway.schemas import Failure
from ingest_gateway.schemas.uploads import Hashes, KnownFile, KnownFiles, Upload
from ingest_gateway.switches import require_files_on
from ingest_gateway.taking import drain, too_large
from ingest_gateway.upload_fields import read_fields
from pipeline_runtime import metrics
from pipeline_runtime.database import speaking_for
from pipeline_runtime.failures import EMPTY_FILE, ItemProblem

ONE = f"{PATH}/{{upload_id}}"
CHECK_BYTES = 128 * 1024
"""Of a body with a thousand hashes."""
UNFINISHED_AT_MOST = 200
"""Of one user. Each may hold bytes on the disk until it expires."""
_NOT_WAITED_FOR = {UPLOAD_LOCKED.code, UPLOAD_STALLED.code}
"""Refusals of connections that are given up: nobody reads on there."""

Length = Annotated[int | None, Header(alias="Upload-Length", description="The file's size in bytes.")]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        description="Keys and Base64 values, commas between: `filename`, `filetype`, `last_modified` (ISO 8601 "
        "or milliseconds since 1970), `title`, `language`, `sha256` (a claim: the hash of what comes counts).",
    ),
]
Offset = Annotated[int | None, Header(alias="Upload-Offset", description="Where in the file the piece begins.")]
SPOKEN = [Depends(require_version)]
_PIECE: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/offset+octet-stream": {
                "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
            }
        }
    }
}
_OFFSET = {"Upload-Offset": {"schema": {"type": "integer"}, "description": "Bytes that are here for good."}}
_EXPIRES = {"Upload-Expires": {"schema": {"type": "string"}, "description": "Until when to go on (HTTP date)."}}

log = structlog.get_logger()
router = APIRouter(tags=["uploads"])


@router.options(PATH, status_code=204, summary="What of tus is spoken")
@router.options(ONE, status_code=204, include_in_schema=False)
async def describe_uploads(deps: DepsParam) -> Response:
    """Version, extensions and the largest file, for clients that ask first."""
    limit = str(deps.settings.upload_limit_bytes)
    headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": limit}
    return Response(status_code=204, headers=headers)


@router.post(
    PATH, status_code=201, dependencies=SPOKEN, summary="Begin an upload", openapi_extra=_PIECE,
    responses={
        201: {
            "description": "Begun.",
            "headers": {"Location": {"schema": {"type": "string"}}, **_OFFSET, **_EXPIRES},
        },
        **documented(
            FOREIGN_ORIGIN, SOURCE_SWITCHED_OFF,
            TUS_VERSION, UPLOAD_STALLED, PIECE_TOO_LARGE, MISSING_LENGTH, INVALID_FILENAME,
            INVALID_FIELD, TOO_MANY_UPLOADS, STORAGE_UNAVAILABLE, refused_files=True,
        ),
    },
)  # fmt: skip
async def begin_upload(
    request: Request, caller: CallerParam, deps: DepsParam, length: Length = None,
    metadata: Metadata = "",
) -> Response:  # fmt: skip
    """Announce a file: its size and name. Refused before a byte is sent where it could not be taken.

    The answer's `Location` is where its bytes go, by PATCH; the first may come with this request.
    """
    async with _refusals(request):
        await require_files_on(deps.web, caller.user)
        upload = await _begin(caller.user, deps, length, metadata)
        headers = {"Location": f"{PATH}/{upload.id}", "Upload-Expires": http_date(upload.expires_at)}
        if is_stream(request):
            headers |= await _add(request, deps, upload, 0)
    return Response(status_code=201, headers=headers)


@router.post(CHECK, summary="What is known of files", responses=documented(FOREIGN_ORIGIN))
async def check_files(wanted: Hashes, caller: CallerParam, deps: DepsParam) -> KnownFiles:
    """Ask before uploading: of up to 1000 files, by hash, which are in your library or on their way there."""
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.find_by_hash(connection, owner=caller.user, hashes=wanted.sha256)
    return KnownFiles(files=[KnownFile(**row) for row in rows])


@router.head(
    ONE, dependencies=SPOKEN, summary="How far an upload is",
    responses={
        200: {"headers": {"Upload-Length": {"schema": {"type": "integer"}}, **_OFFSET, **_EXPIRES}},
        **documented(TUS_VERSION, NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_LOCKED),
    },
)  # fmt: skip
async def measure_upload(upload_id: UUID, caller: CallerParam, deps: DepsParam) -> Response:
    """Where the next piece begins. A request that still writes to this upload is ended by it."""
    found = await _find(deps, caller.user, upload_id)
    offset, expires = found.size, found.expires_at
    if found.state == "receiving":
        async with _holding(deps, found) as hold:
            offset = await _pieces(deps).look(hold)
        expires = hold.expires_at
    headers = {
        "Upload-Offset": str(offset), "Upload-Length": str(found.size), "Upload-Expires": http_date(expires),
        "Cache-Control": "no-store",
    }  # fmt: skip
    if found.metadata:
        headers["Upload-Metadata"] = found.metadata
    return Response(status_code=200, headers=headers)


@router.patch(
    ONE, status_code=204, dependencies=SPOKEN, summary="Send a piece of a file", openapi_extra=_PIECE,
    responses={
        204: {"description": "All of it is here for good.", "headers": {**_OFFSET, **_EXPIRES}},
        **documented(
            FOREIGN_ORIGIN, TUS_VERSION, NOT_FOUND, UPLOAD_STALLED, WRONG_OFFSET, UPLOAD_FINISHED,
            UPLOAD_EXPIRED, PIECE_TOO_LARGE, NOT_OFFSET_STREAM, MISSING_OFFSET, UPLOAD_LOCKED,
            STORAGE_UNAVAILABLE, refused_files=True,
        ),
    },
)  # fmt: skip
async def send_piece(
    upload_id: UUID, request: Request, caller: CallerParam, deps: DepsParam,
    offset: Offset = None,
) -> Response:  # fmt: skip
    """Bytes from `Upload-Offset` on, as many as you like. What came before a connection broke is kept.

    As soon as the first bytes show that the file is none that is taken, it is refused and the upload ends.
    With the last byte the upload is received; look at it for the job.
    """
    async with _refusals(request):
        require_stream(request)
        if offset is None:
            raise MISSING_OFFSET.error()
        found = await _find(deps, caller.user, upload_id)
        if found.state == "receiving":
            headers = await _add(request, deps, found, offset)
        elif offset == found.size:  # the answer to the last piece got lost
            headers = {"Upload-Offset": str(offset), "Upload-Expires": http_date(found.expires_at)}
        else:
            raise UPLOAD_FINISHED.error()
    return Response(status_code=204, headers=headers)


@router.delete(
    ONE, status_code=204, dependencies=SPOKEN, summary="End an upload",
    responses=documented(
        FOREIGN_ORIGIN, TUS_VERSION, NOT_FOUND, UPLOAD_FINISHED, UPLOAD_EXPIRED, UPLOAD_LOCKED
    ),
)  # fmt: skip
async def end_upload(upload_id: UUID, caller: CallerParam, deps: DepsParam) -> Response:
    """Give up a file that is not whole; nothing of it stays. A whole one is an import: cancel its job."""
    async with speaking_for(deps.web, caller.user) as connection:
        if await queries.remove_refused(connection, upload=upload_id):
            return Response(status_code=204)
    async with holding(deps.web, upload=upload_id, owner=caller.user, keep=deps.settings.upload_keep) as hold:
        await _pieces(deps).remove(hold)
    return Response(status_code=204)


@router.post(ONE, status_code=204, dependencies=SPOKEN, include_in_schema=False)
async def do_otherwise(
    upload_id: UUID, request: Request, caller: CallerParam, deps: DepsParam, offset: Offset = None
) -> Response:
    """For clients whose way here takes neither PATCH nor DELETE."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await send_piece(upload_id, request, caller, deps, offset=offset)
    if method == "DELETE":
        return await end_upload(upload_id, caller, deps)
    raise METHOD_NOT_ALLOWED.error()


@router.get(ONE, summary="What became of an upload", responses=documented(NOT_FOUND))
async def get_upload(upload_id: UUID, caller: CallerParam, deps: DepsParam) -> Upload:
    """How far it is; once all bytes are here, its job; if it was refused, why. Disturbs nobody."""
    async with speaking_for(deps.web, caller.user) as connection:
        row = await queries.look_at_incoming(connection, upload=upload_id)
    if row is None:
        raise NOT_FOUND.error("You have no such upload.")
    error = Failure(code=row["code"], message=row["message"] or "") if row["code"] else None
    return Upload(**row, error=error)


async def _begin(owner: UUID, deps: Deps, length: int | None, header: str) -> Incoming:
    """The new upload's row. Raises what is wrong with the announcement."""
    if length is None or length < 0:
        raise MISSING_LENGTH.error()
    if length > deps.settings.upload_limit_bytes:
        raise too_large(deps.settings.upload_limit_bytes)
    if length == 0:
        raise ItemProblem(EMPTY_FILE)
    metadata = read_metadata(header)
    read_fields(fields_of(metadata))
    name, filename, claimed = uuid4(), filename_of(metadata), claimed_sha256(metadata)
    async with speaking_for(deps.web, owner) as connection:
        if await queries.count_incoming(connection) >= UNFINISHED_AT_MOST:
            raise TOO_MANY_UPLOADS.error()
        await queries.add_incoming(
            connection, upload=name, owner=owner, size=length, filename=filename, metadata=header,
            claimed=claimed, keep=deps.settings.upload_keep,
        )  # fmt: skip
        return require_usable(await queries.find_incoming(connection, upload=name))


async def _find(deps: Deps, owner: UUID, upload: UUID) -> Incoming:
    async with speaking_for(deps.web, owner) as connection:
        return require_usable(await queries.find_incoming(connection, upload=upload))


async def _add(request: Request, deps: Deps, upload: Incoming, offset: int) -> dict[str, str]:
    async with _holding(deps, upload) as hold:
        await _pieces(deps).add(hold, request, offset)
    return {"Upload-Offset": str(hold.received), "Upload-Expires": http_date(hold.expires_at)}


@asynccontextmanager
async def _holding(deps: Deps, upload: Incoming) -> AsyncIterator[Hold]:
    keep = deps.settings.upload_keep
    async with holding(deps.web, upload=upload.id, owner=upload.owner, keep=keep) as hold:
        yield hold


def _pieces(deps: Deps) -> Pieces:
    return Pieces(deps.web, deps.storage)


@asynccontextmanager
async def _refusals(request: Request) -> AsyncIterator[None]:
    """Counts them, and takes the rest of the body so that the client reads the answer."""
    try:
        yield
    except (ItemProblem, ProblemError) as problem:
        metrics.UPLOADS.labels(problem.code).inc()
        if problem.code not in _NOT_WAITED_FOR:
            await drain(request)
        raise
