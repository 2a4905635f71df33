"""Jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.messages import item_skipped, source_command
from ingest_gateway.problems import FOREIGN_ORIGIN, JOB_ENDED, NOT_FOUND, documented
from ingest_gateway.queries import jobs as queries
from ingest_gateway.queries.syncs import ask_to_cancel, list_open_items
from ingest_gateway.queries.uploads import SOURCE_APP
from ingest_gateway.routes import After, Before, Limit
from ingest_gateway.schemas import Import, Imports, Item, Items, ItemStatus, Job, Jobs, JobWithItems
from ingest_gateway.schemas.failures import SlugText
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


@router.get(
    "/api/jobs/{job_id}/items", summary="The calls of an import", tags=["jobs"], responses=documented(NOT_FOUND)
)
async def list_items(
    job_id: UUID, caller: CallerParam, deps: DepsParam, limit: Limit = 50, after: After = None,
    status: Annotated[ItemStatus | None, Query(description="Only those that stand so.")] = None,
) -> Items:  # fmt: skip
    """An import's calls page by page, in the order in which they were found."""
    async with speaking_for(deps.web, caller.user) as connection:
        if await queries.find_job(connection, job=job_id) is None:
            raise NOT_FOUND.error("You have no such job.")
        rows = await queries.list_items_page(connection, job=job_id, status=status, limit=limit, after=after)
    found = [Item(**row) for row in rows]
    return Items(items=found, next_after=found[-1].id if len(found) == limit else None)


@router.get("/api/imports", summary="Imports of files and links", tags=["imports"], responses=documented())
async def list_imports(
    caller: CallerParam, deps: DepsParam, limit: Limit = 50, before: Before = None,
    source_app: Annotated[SlugText | None, Query(description="Of this source only.")] = None,
) -> Imports:  # fmt: skip
    """Your imports of files and links, newest first, with the file's name or the links, and the call."""
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_imports(connection, source=source_app, limit=limit, before=before)
    found = [Import.model_validate(dict(row)) for row in rows]
    return Imports(imports=found, next_before=found[-1].id if len(found) == limit else None)


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
