"""Connected accounts: pause, resume, options, sync, disconnect."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest_gateway.callers import Caller
from ingest_gateway.cards import Cards, read_shelf
from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.messages import fetch_requested, source_changed, source_command
from ingest_gateway.problems import (
    ACCOUNT_DISCONNECTED,
    ACCOUNT_PAUSED,
    FOREIGN_ORIGIN,
    INTERNAL_ERROR,
    NOT_FOUND,
    RECONNECT_NEEDED,
    UNKNOWN_OPTION,
    documented,
)
from ingest_gateway.queries import sources as queries
from ingest_gateway.queries import syncs
from ingest_gateway.queries.jobs import find_job
from ingest_gateway.queries.webhooks import list_sources_with_secret
from ingest_gateway.routes.sources import require_options
from ingest_gateway.schemas import Job
from ingest_gateway.schemas.sources import Account, AccountChange, Syncing, SyncRequest
from pipeline_contracts import DisconnectRequested, FetchRequested, SourceChanged
from pipeline_runtime.database import speaking_for
from pipeline_runtime.outbox import Transaction

TRIES = 5
_NO_ACCOUNT = "You have no such account."

log = structlog.get_logger()
router = APIRouter(tags=["sources"])


@router.get("/api/accounts/{account_id}", summary="One account", responses=documented(NOT_FOUND))
async def get_account(account_id: UUID, caller: CallerParam, deps: DepsParam) -> Account:
    """A connected account's card."""
    async with deps.intake.connect() as connection:
        shared = await list_sources_with_secret(connection)
    async with speaking_for(deps.web, caller.user, at_one_moment=True) as connection:
        shelf = await read_shelf(connection)
    row = next((row for row in shelf.accounts if row["id"] == account_id), None)
    if row is None:
        raise NOT_FOUND.error(_NO_ACCOUNT)
    return Cards(deps.manifests, shared).account(row, shelf)


@router.patch(
    "/api/accounts/{account_id}", summary="Pause, resume, set options",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, ACCOUNT_DISCONNECTED, UNKNOWN_OPTION),
)  # fmt: skip
async def change_account(
    account_id: UUID, change: AccountChange, caller: CallerParam, deps: DepsParam
) -> Account:
    """While it is paused nothing is synced, and what is pushed waits; resumed, it catches up at once."""
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        row = await _find(transaction.connection, account_id)
        if row["status"] == "disconnected":
            raise ACCOUNT_DISCONNECTED.error()
        if change.options:
            _require_options(row, change.options, deps)
            changed = await queries.set_options(
                transaction.connection, account=account_id, options=change.options
            )
            transaction.emit(source_changed(_as_told(changed)))
        if change.paused is not None and change.paused != (row["status"] == "paused"):
            await _pause(transaction, account_id, change.paused)
    if change.paused is False:
        deps.schedule.ring()
    return await get_account(account_id, caller, deps)


@router.delete(
    "/api/accounts/{account_id}", status_code=204, summary="Disconnect an account",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND),
)  # fmt: skip
async def disconnect(account_id: UUID, caller: CallerParam, deps: DepsParam) -> None:
    """No more syncs; the access is given back. Your imported calls stay. Done again, it changes nothing."""
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        await _find(transaction.connection, account_id)
        changed = await queries.disconnect(transaction.connection, account=account_id)
        if changed is None:
            return
        command = DisconnectRequested(account_id=account_id, generation=changed["generation"])
        fact = f"disconnect.{account_id}.{changed['generation']}"
        source = changed["source_app"]
        transaction.emit(source_command(command, source=source, key=account_id, fact=fact))
        transaction.emit(source_changed(_as_told(changed)))
    log.info("account.disconnected", account=str(account_id), source=source)


@router.post(
    "/api/accounts/{account_id}/sync", status_code=202, summary="Sync now",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND, ACCOUNT_PAUSED, RECONNECT_NEEDED, ACCOUNT_DISCONNECTED),
)  # fmt: skip
async def sync(
    account_id: UUID, caller: CallerParam, deps: DepsParam, wish: SyncRequest | None = None
) -> Syncing:
    """Look for calls: new ones, or all of a range of time. While a sync runs, that one is the answer."""
    wish = wish or SyncRequest()
    for _ in range(TRIES):
        async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
            row = await _find(transaction.connection, account_id)
            _require_active(row)
            job = await _begin(transaction, row, wish, caller)
            found = (
                await find_job(transaction.connection, job=job)
                if job
                else await syncs.find_running_sync(transaction.connection, account=account_id)
            )
        if found:
            return Syncing(job=Job(**found), was_running=job is None)
    raise INTERNAL_ERROR.error()  # each time one ran, and had ended when we looked


async def _begin(
    transaction: Transaction, account: RowMapping, wish: SyncRequest, caller: Caller
) -> UUID | None:
    """The new job, None where one runs."""
    job, window = uuid4(), wish.model_dump(mode="json", exclude_none=True)
    is_new = await syncs.add_sync(
        transaction.connection, job=job, owner=caller.user, source=account["source_app"],
        account=account["id"], trigger="manual", request=window,
    )  # fmt: skip
    if not is_new:
        return None
    message = FetchRequested(
        job_id=job, account_id=account["id"], trigger="manual", window_from=wish.window_from,
        window_to=wish.window_to, options=account["options"],
    )  # fmt: skip
    transaction.emit(
        fetch_requested(message, source=account["source_app"], key=account["id"], fact=f"sync.{job}")
    )
    return job


async def _find(connection: AsyncConnection, account: UUID) -> RowMapping:
    """Locked: what is decided by its status holds until the commit. Raises not_found."""
    row = await queries.find_account(connection, account=account)
    if row is None:
        raise NOT_FOUND.error(_NO_ACCOUNT)
    return row


def _require_active(account: RowMapping) -> None:
    refusals = {
        "paused": ACCOUNT_PAUSED,
        "error": RECONNECT_NEEDED,
        "disconnected": ACCOUNT_DISCONNECTED,
    }
    if refusal := refusals.get(account["status"]):
        raise refusal.error()


def _require_options(account: RowMapping, options: dict[str, bool], deps: Deps) -> None:
    manifest = deps.manifests.find(account["source_app"])
    if manifest is None:
        raise UNKNOWN_OPTION.error("The connector of this source is not known at the moment.")
    require_options(manifest, options)


async def _pause(transaction: Transaction, account: UUID, paused: bool) -> None:
    changed = await queries.set_status(
        transaction.connection, account=account, status="paused" if paused else "active", is_active=not paused
    )
    transaction.emit(source_changed(_as_told(changed)))


def _as_told(row: Any) -> SourceChanged:
    return SourceChanged(
        account_id=row["id"], owner_user_id=row["user_id"], source_app=row["source_app"],
        version=row["version"], status=row["status"], reason=row["reason"], email=row["email"],
    )  # fmt: skip
