"""Jobs that sources are asked for, by the web role."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest_gateway.queries.jobs import JOB

_ADD = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, request)
VALUES (:job, :owner, :source, :account, :trigger, CAST(:request AS jsonb))
ON CONFLICT DO NOTHING RETURNING id
""")
_RUNNING = text(f"""
{JOB} WHERE j.account_id = :account AND j.discovery_ended_at IS NULL
  AND j.trigger IN ('connect', 'manual', 'schedule')
""")
_LATEST = text(f"""
SELECT x.* FROM unnest(CAST(:accounts AS uuid[])) AS a (id) CROSS JOIN LATERAL (
    {JOB} WHERE j.account_id = a.id AND j.trigger IN ('connect', 'manual', 'schedule')
    ORDER BY j.created_at DESC, j.id LIMIT 1) x
""")
_CANCEL = text("""
UPDATE sync_jobs SET cancel_requested_at = coalesce(cancel_requested_at, now())
WHERE id = :job AND ended_at IS NULL RETURNING id
""")
_OPEN_ITEMS = text("""
SELECT id, attempt FROM sync_job_items WHERE job_id = :job AND status = 'found' ORDER BY id
""")


async def add_sync(
    connection: AsyncConnection, *, job: UUID, owner: UUID, source: str, account: UUID | None,
    trigger: str, request: dict[str, Any],
) -> bool:  # fmt: skip
    """False where the account is being synced already."""
    values = {
        "job": job, "owner": owner, "source": source, "account": account, "trigger": trigger,
        "request": json.dumps(request),
    }  # fmt: skip
    return await connection.scalar(_ADD, values) is not None


async def find_running_sync(connection: AsyncConnection, *, account: UUID) -> RowMapping | None:
    """The sync that lists the account's calls now."""
    return (await connection.execute(_RUNNING, {"account": account})).mappings().one_or_none()


async def list_latest_syncs(connection: AsyncConnection, *, accounts: Iterable[UUID]) -> list[RowMapping]:
    """The latest sync of each account."""
    return list((await connection.execute(_LATEST, {"accounts": list(accounts)})).mappings())


async def ask_to_cancel(connection: AsyncConnection, *, job: UUID) -> bool:
    """False where the job has ended."""
    return await connection.scalar(_CANCEL, {"job": job}) is not None


async def list_open_items(connection: AsyncConnection, *, job: UUID) -> list[tuple[UUID, int]]:
    """Id and attempt of the items that have not ended."""
    return [(row.id, row.attempt) for row in await connection.execute(_OPEN_ITEMS, {"job": job})]
