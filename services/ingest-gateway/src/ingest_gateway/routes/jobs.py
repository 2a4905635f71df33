"""Jobs, and failed items that get another try."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.messages import audio_received, discovery_ended
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    NOT_FAILED,
    NOT_FOUND,
    QUOTA_USED_UP,
    documented,
)
from ingest_gateway.queries import jobs as queries
from ingest_gateway.routes import Before, Limit
from ingest_gateway.schemas import Item, Job, Jobs, JobWithItems, Retried
from pipeline_contracts import AudioReceived
from pipeline_runtime.database import speaking_for

router = APIRouter()


@router.get("/api/jobs", summary="Your imports", tags=["jobs"], responses=documented())
async def list_jobs(caller: CallerParam, deps: DepsParam, limit: Limit = 50, before: Before = None) -> Jobs:
    """Your imports, newest first."""
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_jobs(connection, limit=limit, before=before)
    return Jobs(jobs=[Job(**row) for row in rows], next_before=rows[-1]["id"] if len(rows) == limit else None)


@router.get("/api/jobs/{job_id}", summary="One import", tags=["jobs"], responses=documented(NOT_FOUND))
async def get_job(job_id: UUID, caller: CallerParam, deps: DepsParam) -> JobWithItems:
    """An import with its calls."""
    async with speaking_for(deps.web, caller.user) as connection:
        job = await queries.find_job(connection, job=job_id)
        if job is None:
            raise NOT_FOUND.error("You have no such job.")
        items = await queries.list_items(connection, job=job_id)
    return JobWithItems(**job, items=[Item(**item) for item in items])


@router.post(
    "/api/failures/{item_id}/retry", status_code=202, summary="Retry a failed item", tags=["failures"],
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, NOT_FAILED, QUOTA_USED_UP),
)  # fmt: skip
async def retry_item(item_id: UUID, caller: CallerParam, deps: DepsParam) -> Retried:
    """Open a failed item again, in its own job, with what was uploaded then."""
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        if await queries.find_item_status(transaction.connection, item=item_id) is None:
            raise NOT_FOUND.error("You have no such item.")
        reopened = await queries.reopen_item(transaction.connection, item=item_id)
        if reopened is None:
            raise NOT_FAILED.error()
        if reopened.outcome == "quota_exceeded":
            raise QUOTA_USED_UP.error()
        if reopened.outcome == "found":
            ticket = AudioReceived.model_validate(reopened.ticket)
            ticket = ticket.model_copy(update={"attempt": reopened.attempt})
            transaction.emit(audio_received(ticket, owner=caller.user))
        nudge = f".{item_id}.{reopened.attempt}"
        transaction.emit(discovery_ended(reopened.job_id, owner=caller.user, nudge=nudge))
    return Retried.model_validate(reopened, from_attributes=True)
