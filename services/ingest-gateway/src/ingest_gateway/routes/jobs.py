"""Jobs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import NOT_FOUND, documented
from ingest_gateway.queries import jobs as queries
from ingest_gateway.routes import Before, Limit
from ingest_gateway.schemas import Item, Job, Jobs, JobWithItems
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
