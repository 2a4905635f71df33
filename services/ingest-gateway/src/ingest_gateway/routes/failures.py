"""What has failed, by cause, and another try: for one, for a cause, for all."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping

from ingest_gateway.callers import Caller
from ingest_gateway.causes import cause_sentence, find_remedy, resets_at
from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.messages import discovery_ended, tickets
from ingest_gateway.problems import FOREIGN_ORIGIN, NOT_FAILED, NOT_FOUND, QUOTA_USED_UP, documented
from ingest_gateway.queries import failures as queries
from ingest_gateway.queries.failures import Cause, Reopened
from ingest_gateway.queries.people import Usage, find_usage
from ingest_gateway.routes import Before, Limit
from ingest_gateway.schemas.failures import (
    Dismissed,
    FailedItem,
    FailedItems,
    FailureGroup,
    Failures,
    FailureSelection,
    Retried,
    RetriedAll,
    SlugText,
)
from ingest_gateway.words import source_name
from pipeline_runtime.database import speaking_for
from pipeline_runtime.outbox import Transaction

REOPENED_AT_ONCE = 200
REOPENED_AT_MOST = 5000

router = APIRouter(tags=["failures"])


@router.get("/api/failures", summary="What has failed, by cause", responses=documented())
async def list_causes(caller: CallerParam, deps: DepsParam) -> Failures:
    """Your failed calls that are not in the library, by source, account and cause."""
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_causes(connection)
        usage = await find_usage(connection, user=caller.user)
    groups = [_group(row, usage, deps) for row in rows]
    return Failures(count=sum(group.count for group in groups), groups=groups)


@router.get("/api/failures/items", summary="Failed calls, one by one", responses=documented())
async def list_failures(
    caller: CallerParam, deps: DepsParam, limit: Limit = 50, before: Before = None,
    code: Annotated[SlugText | None, Query(description="Of this cause only.")] = None,
    source_app: Annotated[SlugText | None, Query(description="Of this source only.")] = None,
    account_id: Annotated[UUID | None, Query(description="Of this account only.")] = None,
    dismissed: Annotated[bool, Query(description="In their place those that you have dismissed.")] = False,
) -> FailedItems:  # fmt: skip
    """Your failed calls, the latest first."""
    cause = Cause(code, source_app, account_id)
    async with speaking_for(deps.web, caller.user) as connection:
        rows = await queries.list_failures(
            connection, cause=cause, dismissed=dismissed, limit=limit, before=before
        )
    found = [FailedItem(**row) for row in rows]
    return FailedItems(items=found, next_before=found[-1].id if len(found) == limit else None)


@router.post(
    "/api/failures/retry", status_code=202, summary="Retry failed calls together",
    responses=documented(FOREIGN_ORIGIN),
)  # fmt: skip
async def retry_failures(selection: FailureSelection, caller: CallerParam, deps: DepsParam) -> RetriedAll:
    """Open the failed calls of a cause again; of all causes where none is given.

    Without a `code` only those are opened that a retry can help. The latest come first, 5,000 at most.
    """
    cause = Cause(selection.code, selection.source_app, selection.account_id)
    async with speaking_for(deps.web, caller.user) as connection:
        ids = await queries.find_failed_ids(
            connection, cause=cause, retryable_only=selection.code is None, limit=REOPENED_AT_MOST
        )
    reopened: list[Reopened] = []
    for start in range(0, len(ids), REOPENED_AT_ONCE):
        async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
            reopened += await _reopen(transaction, ids[start : start + REOPENED_AT_ONCE], caller)
    return _summary(reopened)


@router.post(
    "/api/failures/dismiss", summary="Dismiss failed calls together", responses=documented(FOREIGN_ORIGIN),
)  # fmt: skip
async def dismiss_failures(selection: FailureSelection, caller: CallerParam, deps: DepsParam) -> Dismissed:
    """Show the failed calls of a cause no more; those of all causes where none is given.

    They stay in the books of their jobs and are not tried again by themselves. What a later retry fails
    again is shown again.
    """
    cause = Cause(selection.code, selection.source_app, selection.account_id)
    async with speaking_for(deps.web, caller.user) as connection:
        return Dismissed(count=await queries.dismiss_items(connection, cause=cause))


@router.post(
    "/api/failures/{item_id}/dismiss", status_code=204, summary="Dismiss a failed call",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, NOT_FAILED),
)  # fmt: skip
async def dismiss_item(item_id: UUID, caller: CallerParam, deps: DepsParam) -> None:
    """Show it no more. It can still be retried by its id. Done again, it changes nothing."""
    async with speaking_for(deps.web, caller.user) as connection:
        if await queries.find_item_status(connection, item=item_id) is None:
            raise NOT_FOUND.error("You have no such item.")
        if not await queries.dismiss_item(connection, item=item_id):
            raise NOT_FAILED.error("This item has not failed, so there is nothing to dismiss.")


@router.post(
    "/api/failures/{item_id}/retry", status_code=202, summary="Retry a failed call",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, NOT_FAILED, QUOTA_USED_UP),
)  # fmt: skip
async def retry_item(item_id: UUID, caller: CallerParam, deps: DepsParam) -> Retried:
    """Open a failed item again, in its own job, with what was known of it then."""
    return await _retry_one(item_id, caller, deps)


async def _retry_one(item: UUID, caller: Caller, deps: Deps) -> Retried:
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        if await queries.find_item_status(transaction.connection, item=item) is None:
            raise NOT_FOUND.error("You have no such item.")
        reopened = await _reopen(transaction, [item], caller)
        if not reopened:
            raise NOT_FAILED.error()
        if reopened[0].outcome == "quota_exceeded":
            raise QUOTA_USED_UP.error()
    return Retried.model_validate(reopened[0], from_attributes=True)


async def _reopen(transaction: Transaction, items: list[UUID], caller: Caller) -> list[Reopened]:
    """Open them, and say so: work for those that are open, a nudge for each job."""
    reopened = await queries.reopen_items(transaction.connection, items=items)
    for ticket in tickets(reopened, owner=caller.user):
        transaction.emit(ticket)
    changed = [one for one in reopened if one.outcome != "quota_exceeded"]
    for job, one in {one.job_id: one for one in changed}.items():
        transaction.emit(discovery_ended(job, owner=caller.user, nudge=f".{one.item_id}.{one.attempt}"))
    return reopened


def _summary(reopened: list[Reopened]) -> RetriedAll:
    counted = dict.fromkeys(("found", "joined", "duplicate", "quota_exceeded"), 0)
    for one in reopened:
        counted[one.outcome] += 1
    jobs = {one.job_id for one in reopened if one.outcome != "quota_exceeded"}
    return RetriedAll(**counted, jobs=sorted(jobs))


def _group(row: RowMapping, usage: Usage, deps: Deps) -> FailureGroup:
    name = source_name(row["source_app"], deps.manifests)
    remedy = find_remedy(row, usage)
    message = cause_sentence(row["code"], name, row["message"], usage if remedy == "wait" else None)
    values = {**row, "source_name": name, "message": message, "remedy": remedy}
    return FailureGroup.model_validate(values | {"retry_from": resets_at(usage) if remedy == "wait" else None})
