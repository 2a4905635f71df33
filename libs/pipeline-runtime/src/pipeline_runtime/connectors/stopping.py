"""Stopping: a job that is cancelled, an account that is disconnected. Open items end as cancelled.

Records in flight are imported all the same; what is in the library stays.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.outbox import Transaction

_OF_JOB = "j.id = :which AND j.cancel_requested_at IS NOT NULL"
_OF_ACCOUNT = """j.account_id = :which AND EXISTS (
    SELECT FROM import_sources s WHERE s.id = j.account_id AND s.status = 'disconnected')"""
# An UPDATE keeps no order; whoever takes several jobs takes them by their ids.
_END = """
WITH locked AS (
    SELECT j.id FROM sync_jobs j WHERE j.ended_at IS NULL AND {rule} ORDER BY j.id FOR NO KEY UPDATE
)
UPDATE sync_jobs j SET discovery_ended_at = coalesce(discovery_ended_at, now()), version = version + 1
FROM locked WHERE j.id = locked.id
RETURNING j.id, j.owner_user_id
"""
_FORGET = text("DELETE FROM tasks WHERE item_id IS NULL AND job_id = ANY(:jobs)")
_OPEN = text("""
SELECT id, job_id, owner_user_id, attempt FROM sync_job_items
WHERE job_id = ANY(:jobs) AND status = 'found' ORDER BY id
""")
# What was stopped lies behind the place up to which all is listed: a reconnection is to list it again. Where
# nobody knows when one of the calls was, it lists all.
_GO_BACK = text("""
UPDATE import_sources s SET synced_through =
    CASE WHEN stopped.is_unknown THEN NULL ELSE least(s.synced_through, stopped.oldest) END
FROM (
    SELECT min(o.started_at) - interval '1 second' AS oldest, bool_or(o.started_at IS NULL) AS is_unknown
    FROM (
        SELECT CAST(i.ticket -> 'source_item' ->> 'started_at' AS timestamptz) AS started_at
        FROM sync_job_items i WHERE i.job_id = ANY(:jobs) AND i.status = 'found') o) stopped
WHERE s.id = :account AND s.synced_through IS NOT NULL
""")
_END_JOB = text(_END.format(rule=_OF_JOB))
_END_ACCOUNT = text(_END.format(rule=_OF_ACCOUNT))
_CANCELLED = text("SELECT id FROM sync_jobs WHERE cancel_requested_at IS NOT NULL AND ended_at IS NULL")


async def stop_job(kit: Kit, job: UUID) -> None:
    """End a job whose row says that it is to stop; done again, it does no harm."""
    async with kit.relay.transaction() as transaction:
        await _stop(kit, transaction, _END_JOB, job)


async def stop_account(kit: Kit, account: UUID) -> None:
    """End all jobs of an account that is disconnected."""
    async with kit.relay.transaction() as transaction:
        await stop_in(kit, transaction, account)


async def stop_in(kit: Kit, transaction: Transaction, account: UUID) -> None:
    """The same, in a transaction that does more."""
    jobs = await _stop(kit, transaction, _END_ACCOUNT, account)
    await transaction.connection.execute(_GO_BACK, {"account": account, "jobs": jobs})


async def stop_forgotten(kit: Kit) -> None:
    """End jobs whose message got lost."""
    async with kit.engine.connect() as connection:
        jobs = list(await connection.scalars(_CANCELLED))
    for job in jobs:
        await stop_job(kit, job)


async def _stop(kit: Kit, transaction: Transaction, statement: object, which: UUID) -> list[UUID]:
    connection = transaction.connection
    jobs = list(await connection.execute(statement, {"which": which}))  # type: ignore[call-overload]
    ids = [job.id for job in jobs]
    await connection.execute(_FORGET, {"jobs": ids})
    for row in await connection.execute(_OPEN, {"jobs": ids}):
        transaction.emit(kit.messages.cancelled(row))
    for job in jobs:
        transaction.emit(kit.messages.discovery_ended(job.id, job.owner_user_id, ".stopped"))
    return ids
