"""Taking files in."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.entering import Upload, enter, make_upload
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    INVALID_FIELD,
    INVALID_FILENAME,
    MALFORMED_FORM,
    MISSING_FILE,
    NOT_MULTIPART,
    SOURCE_SWITCHED_OFF,
    STORAGE_UNAVAILABLE,
    TOO_MANY_FILES,
    UPLOAD_STALLED,
    ProblemError,
    documented,
)
from ingest_gateway.queries.uploads import SOURCE_APP, Admitted
from ingest_gateway.schemas import Accepted, Failure
from ingest_gateway.storing import storing
from ingest_gateway.switches import require_files_on
from ingest_gateway.taking import take
from ingest_gateway.upload_fields import read_fields
from pipeline_runtime import metrics
from pipeline_runtime.failures import ItemProblem
from pipeline_runtime.media import probe

PATH = "/api/imports/file"
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": "MP3, WAV, M4A, MP4, MOV or WebM, judged by content.",
                        },
                        "last_modified": {
                            "type": "string",
                            "description": "The file's last change: ISO 8601, or milliseconds since 1970.",
                        },
                        "title": {"type": "string", "description": "Else the file's name without its ending."},
                        "language": {"type": "string", "description": "A language tag such as `en`."},
                    },
                }
            }
        },
    }
}

log = structlog.get_logger()
router = APIRouter(tags=["imports"])


@router.post(
    PATH, status_code=202, summary="Import a file", openapi_extra=_FORM,
    responses=documented(
        FOREIGN_ORIGIN, SOURCE_SWITCHED_OFF,
        MALFORMED_FORM, UPLOAD_STALLED, NOT_MULTIPART, MISSING_FILE, TOO_MANY_FILES,
        INVALID_FILENAME, INVALID_FIELD, STORAGE_UNAVAILABLE, refused_files=True,
    ),
)  # fmt: skip
async def import_file(request: Request, response: Response, caller: CallerParam, deps: DepsParam) -> Accepted:
    """Upload a recording. The answer comes as soon as it is stored safely; follow the job for the rest.

    The same bytes are the same call: a second upload joins the first, or is a duplicate of it.
    """
    try:
        await require_files_on(deps.web, caller.user)
        upload, admitted = await _import(request, caller, deps)
    except (ItemProblem, ProblemError) as problem:
        metrics.UPLOADS.labels(problem.code).inc()
        raise
    except ClientDisconnect:
        metrics.UPLOADS.labels("abandoned").inc()
        raise
    metrics.UPLOADS.labels(admitted.outcome).inc()
    metrics.LISTED.labels(SOURCE_APP, admitted.outcome).inc()
    log.info("upload.taken", job=str(upload.job), item=str(upload.item), outcome=admitted.outcome)
    response.headers["Location"] = f"/api/jobs/{upload.job}"
    return _accepted(upload, admitted)


async def _import(request: Request, caller: CallerParam, deps: Deps) -> tuple[Upload, Admitted]:
    async with AsyncExitStack() as stack:
        with storing():
            incoming = await stack.enter_async_context(deps.storage.incoming())
        taken = await take(request, incoming, deps.settings.upload_limit_bytes)
        fields = read_fields(taken.fields)
        with storing():
            media = await asyncio.to_thread(probe, incoming.path)
        upload = make_upload(caller.user, taken, media, fields)
        return upload, await enter(upload, incoming, deps.storage, deps.web, deps.relay)


def _accepted(upload: Upload, admitted: Admitted) -> Accepted:
    failure = Failure(code=admitted.code, message=admitted.message or "") if admitted.code else None
    return Accepted.model_validate(
        {
            "job_id": upload.job,
            "item_id": upload.item,
            "status": admitted.job_status,
            "filename": upload.taken.filename,
            "size": upload.taken.size,
            "external_id": upload.taken.sha256,
            "outcome": admitted.outcome,
            "recording_id": admitted.recording_id,
            "error": failure,
        }
    )
