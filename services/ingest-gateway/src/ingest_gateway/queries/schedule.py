"""What is due, by the intake role. Rows are taken with SKIP LOCKED: replicas share the work."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

AT_ONCE = 50

_DUE = text("""
SELECT id, user_id, source_app, options,
    coalesce(checked_at, created_at) < now() - interval '1 day'
        AND coalesce(last_sync_at > now() - interval '3 days', false) AS wants_check
FROM import_sources
WHERE status = 'active' AND coalesce(next_sync_at, created_at) <= now()
  AND source_app = ANY(CAST(:sources AS text[]))
ORDER BY next_sync_at NULLS FIRST LIMIT :most FOR UPDATE SKIP LOCKED
""")
_ADD = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, request)
VALUES (:job, :owner, :source, :account, :trigger, CAST(:request AS jsonb))
ON CONFLICT DO NOTHING
""")
# Between nine and eleven tenths of the time: accounts that were connected together drift apart.
_NEXT = text("""
UPDATE import_sources SET next_sync_at = now() + CAST(:every AS interval) * (0.9 + random() * 0.2),
    checked_at = CASE WHEN :is_checked THEN now() ELSE checked_at END
WHERE id = :account
""")
_REVISITS = text("""
UPDATE sync_job_items i SET revisit_at = NULL WHERE i.id IN (
    SELECT d.id FROM sync_job_items d LEFT JOIN import_sources s ON s.id = d.account_id
    WHERE d.status = 'skipped' AND d.code = 'not_ready' AND d.revisit_at <= now()
      AND d.source_app = ANY(CAST(:sources AS text[])) AND (d.account_id IS NULL OR s.status = 'active')
    ORDER BY d.revisit_at LIMIT :most FOR UPDATE OF d SKIP LOCKED)
RETURNING i.id, i.owner_user_id, i.source_app, i.account_id
""")
_HELD = text("""
UPDATE webhook_held h SET asked_at = now()
FROM (SELECT w.inbox_id, w.account_id, s.source_app
      FROM webhook_held w JOIN import_sources s ON s.id = w.account_id
      WHERE s.status = 'active' AND s.source_app = ANY(CAST(:sources AS text[]))
        AND (w.asked_at IS NULL OR w.asked_at < now() - interval '5 minutes')
      ORDER BY w.inbox_id, w.account_id LIMIT :most FOR UPDATE OF w SKIP LOCKED) due
WHERE h.inbox_id = due.inbox_id AND h.account_id = due.account_id
RETURNING h.inbox_id, h.account_id, due.source_app
""")
_EXPIRE = text("""
UPDATE connect_attempts SET status = 'expired', secret_sealed = NULL, pkce_verifier_sealed = NULL
WHERE status IN ('started', 'submitted') AND expires_at < now()
""")
_DROP_ATTEMPTS = text("DELETE FROM connect_attempts WHERE created_at < now() - interval '7 days'")
_ERASE = text("""
UPDATE webhook_inbox w SET body = NULL
WHERE w.has_body AND w.state <> 'stored' AND w.received_at < now() - interval '10 minutes'
  AND NOT EXISTS (SELECT FROM webhook_held h WHERE h.inbox_id = w.id)
  AND w.id::text NOT IN (SELECT i.ticket ->> 'inbox_id' FROM sync_job_items i
                         WHERE i.status = 'found' AND i.ticket ? 'inbox_id')
""")
_DROP_DELIVERIES = text("DELETE FROM webhook_inbox WHERE received_at < now() - interval '30 days'")


async def find_due_accounts(connection: AsyncConnection, *, sources: Iterable[str]) -> list[Row[Any]]:
    """Accounts whose turn it is, locked. `wants_check`: their last days were not gone through for a day.

    One that was away for longer, paused or in error, catches up from its cursor first.
    """
    return list(await connection.execute(_DUE, {"sources": list(sources), "most": AT_ONCE}))


async def add_job(
    connection: AsyncConnection, *, job: UUID, owner: UUID, source: str, account: UUID | None, trigger: str,
    request: dict[str, Any],
) -> bool:  # fmt: skip
    """False where the account is being synced already."""
    values = {
        "job": job, "owner": owner, "source": source, "account": account, "trigger": trigger,
        "request": json.dumps(request),
    }  # fmt: skip
    return (await connection.execute(_ADD, values)).rowcount == 1


async def set_next_sync(
    connection: AsyncConnection, *, account: UUID, every: timedelta, is_checked: bool
) -> None:
    """Its turn comes again after about `every`."""
    await connection.execute(_NEXT, {"account": account, "every": every, "is_checked": is_checked})


async def take_revisits(connection: AsyncConnection, *, sources: Iterable[str]) -> list[Row[Any]]:
    """Items that were not ready and are worth another look now; each is answered once."""
    return list(await connection.execute(_REVISITS, {"sources": list(sources), "most": AT_ONCE}))


async def take_held(connection: AsyncConnection, *, sources: Iterable[str]) -> list[Row[Any]]:
    """Deliveries that waited for an account which can take them now; again as long as they are held."""
    return list(await connection.execute(_HELD, {"sources": list(sources), "most": AT_ONCE}))


async def tidy(connection: AsyncConnection) -> dict[str, int]:
    """Expire attempts, erase bodies whose items have ended, forget what is old; answers how many of each."""
    statements = {
        "attempts_expired": _EXPIRE,
        "attempts_dropped": _DROP_ATTEMPTS,
        "bodies_erased": _ERASE,
        "deliveries_dropped": _DROP_DELIVERIES,
    }
    return {what: (await connection.execute(statement)).rowcount for what, statement in statements.items()}
