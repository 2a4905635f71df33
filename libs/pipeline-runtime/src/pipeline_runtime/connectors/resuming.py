"""What failed for want of a connection is fetched once the account is active again, whoever made it so.

A reconnection does it at once, in its own transaction. A loop looks for what is left: more than one
transaction should hold, what failed a moment after the reconnection, and accounts that recovered by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_runtime import tasks
from pipeline_runtime.connectors.admission import LIVE
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.failures import RECONNECT_NEEDED
from pipeline_runtime.outbox import Transaction

AT_ONCE = 2000
LEFT_ALONE_SECONDS = 600.0
"""What the user's quota keeps from being fetched is not asked for again before that."""

_FAILED = text("""
SELECT i.id FROM sync_job_items i JOIN import_sources s ON s.id = i.account_id
WHERE s.id = :account AND s.status = 'active' AND i.owner_user_id = s.user_id AND i.source_app = s.source_app
  AND i.status = 'failed' AND i.code = :code AND NOT i.id = ANY(:left)
ORDER BY i.id LIMIT :most FOR SHARE OF s
""")
_REOPEN = text("""
WITH opened AS (
    SELECT r.*, s.generation, s.options
    FROM reopen(CAST(:items AS uuid[])) r CROSS JOIN import_sources s WHERE s.id = :account
), added AS (
    INSERT INTO tasks (kind, job_id, item_id, part, owner_user_id, account_id, priority, attempt, payload)
    SELECT :kind, o.job_id, o.item_id, 0, o.owner_user_id, :account, :priority, o.attempt,
        o.ticket || jsonb_build_object('generation', o.generation, 'options', o.options)
    FROM opened o WHERE o.outcome = 'found' AND o.ticket IS NOT NULL
    ON CONFLICT ON CONSTRAINT one_task_per_part DO NOTHING
)
SELECT o.item_id, o.outcome FROM opened o
""")
_WAITING = text("""
SELECT DISTINCT s.id FROM sync_job_items i JOIN import_sources s ON s.id = i.account_id
WHERE i.status = 'failed' AND i.code = :code AND s.status = 'active' AND NOT i.id = ANY(:left)
""")
_HELD = text("SELECT inbox_id FROM webhook_held WHERE account_id = :account")

log = structlog.get_logger()


async def resume(kit: Kit, transaction: Transaction, account: UUID) -> None:
    """In the transaction that makes the account active: its calls, and webhooks that waited."""
    await _reopen(kit, transaction.connection, account, ())
    for inbox in await transaction.connection.scalars(_HELD, {"account": account}):
        transaction.emit(kit.messages.fetch_webhook(inbox, account))


class Resumption:
    """The loop's part of it, round by round."""

    def __init__(self) -> None:
        self._left: set[UUID] = set()
        self._forget_at = 0.0

    async def round(self, kit: Kit) -> None:
        """All that is left to active accounts, so many at once."""
        now = asyncio.get_running_loop().time()
        if now >= self._forget_at:
            self._left, self._forget_at = set(), now + LEFT_ALONE_SECONDS
        async with kit.engine.connect() as connection:
            wanted = {"code": RECONNECT_NEEDED.code, "left": list(self._left)}
            accounts = list(await connection.scalars(_WAITING, wanted))
        for account in accounts:
            while await self._some(kit, account):
                log.info("calls.resumed", account=str(account))

    async def _some(self, kit: Kit, account: UUID) -> bool:
        async with kit.engine.begin() as connection:
            found, left = await _reopen(kit, connection, account, list(self._left))
        self._left.update(left)
        return found


async def _reopen(
    kit: Kit, connection: AsyncConnection, account: UUID, left_alone: Sequence[UUID]
) -> tuple[bool, list[UUID]]:
    """Some of the account's; whether there were any, and those that its owner's quota has left failed."""
    wanted = {"account": account, "code": RECONNECT_NEEDED.code, "left": list(left_alone), "most": AT_ONCE}
    failed = list(await connection.scalars(_FAILED, wanted))
    if not failed:
        return False, []
    values = {"items": failed, "account": account, "kind": kit.fetching, "priority": LIVE}
    rows = list(await connection.execute(_REOPEN, values))
    await tasks.notify(connection, kit.fetching)
    return True, [row.item_id for row in rows if row.outcome == "quota_exceeded"]
