"""Jobs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.messages import item_skipped, source_command
from ingest_gateway.problems import FOREIGN_ORIGIN, JOB_ENDED, NOT_FOUND, documented
from ingest_gateway.queries import jobs as queries
from ingest_gateway.queries.syncs import ask_to_cancel, list_open_items
from ingest_gateway.queries.uploads import SOURCE_APP
from ingest_gateway.routes import Before, Limit
from ingest_gateway.schemas import Item, Job, Jobs, JobWithItems
from pipeline_contracts import CancelRequested, ItemSkipped
from pipeline_runtime.database import speaking_for
from pipeline_runtime.outbox import Transaction

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
    "/api/jobs/{job_id}/cancel", status_code=202, summary="Cancel an import", tags=["jobs"],
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, JOB_ENDED),
)  # fmt: skip
async def cancel_job(job_id: UUID, caller: CallerParam, deps: DepsParam) -> Job:
    """Look for no more, and skip what is not imported yet. What is imported stays."""
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        if await queries.find_job(transaction.connection, job=job_id) is None:
            raise NOT_FOUND.error("You have no such job.")
        if not await ask_to_cancel(transaction.connection, job=job_id):
            raise JOB_ENDED.error()
        job = Job(**(await queries.find_job(transaction.connection, job=job_id) or {}))
        await _stop(transaction, job, caller.user)
    return job


async def _stop(transaction: Transaction, job: Job, owner: UUID) -> None:
    """Files have no connector that could be told: their open items are skipped from here."""
    if job.source_app != SOURCE_APP:
        command = CancelRequested(job_id=job.id)
        key = job.account_id or owner
        transaction.emit(source_command(command, source=job.source_app, key=key, fact=f"cancel.{job.id}"))
        return
    for item, attempt in await list_open_items(transaction.connection, job=job.id):
        skipped = ItemSkipped(
            job_id=job.id, item_id=item, attempt=attempt, code="cancelled", message="You cancelled this import."
        )
        transaction.emit(item_skipped(skipped, owner=owner))
