"""After a reconnection: what failed for want of it is fetched, and webhooks that waited are looked at."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from pipeline_runtime import tasks
from pipeline_runtime.connectors.admission import LIVE
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.failures import RECONNECT_NEEDED
from pipeline_runtime.outbox import Transaction

AT_ONCE = 5000

_FAILED = text("""
SELECT id FROM sync_job_items WHERE account_id = :account AND status = 'failed' AND code = :code
ORDER BY id LIMIT :most
""")
_REOPEN = text("""
SELECT r.item_id, r.job_id, r.owner_user_id, r.attempt, r.outcome, r.ticket, s.generation
FROM reopen(CAST(:items AS uuid[])) r CROSS JOIN import_sources s WHERE s.id = :account
""")
_HELD = text("SELECT inbox_id FROM webhook_held WHERE account_id = :account")


async def resume(kit: Kit, transaction: Transaction, account: UUID) -> None:
    """In the transaction that makes the account active."""
    connection = transaction.connection
    failed = await connection.scalars(
        _FAILED, {"account": account, "code": RECONNECT_NEEDED.code, "most": AT_ONCE}
    )
    for row in await connection.execute(_REOPEN, {"items": list(failed), "account": account}):
        if row.outcome == "found" and row.ticket:
            await tasks.add(
                connection, kind=kit.fetching, job=row.job_id, item=row.item_id, attempt=row.attempt,
                payload={**row.ticket, "generation": row.generation}, account=account, priority=LIVE,
            )  # fmt: skip
    for inbox in await connection.scalars(_HELD, {"account": account}):
        transaction.emit(kit.messages.fetch_webhook(inbox, account))
