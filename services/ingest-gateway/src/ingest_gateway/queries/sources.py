"""Accounts and attempts, by the web role: row-level security shows the user's own alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ACCOUNT = """
SELECT s.id, s.source_app, s.email, s.status, s.reason, s.is_active, s.version, s.generation, s.options,
    s.webhook_id, s.webhook_note, s.last_sync_at, s.next_sync_at, s.created_at
FROM import_sources s
"""
_ACCOUNTS = text(f"{_ACCOUNT} ORDER BY s.created_at, s.id")
_LOCKED = text(f"{_ACCOUNT} WHERE s.id = :account FOR UPDATE")
_CHANGED = "RETURNING id, user_id, source_app, email, status, reason, version, generation"
_SET_STATUS = text(f"""
UPDATE import_sources SET status = :status, is_active = :is_active, reason = NULL, version = version + 1,
    next_sync_at = CASE WHEN :is_active THEN now() ELSE next_sync_at END
WHERE id = :account {_CHANGED}
""")
_SET_OPTIONS = text(f"""
UPDATE import_sources SET options = options || CAST(:options AS jsonb), version = version + 1
WHERE id = :account {_CHANGED}
""")
_DISCONNECT = text(f"""
UPDATE import_sources SET status = 'disconnected', is_active = false, reason = NULL,
    generation = generation + 1, version = version + 1, next_sync_at = NULL
WHERE id = :account AND status <> 'disconnected' {_CHANGED}
""")
_COUNTS = text("""
SELECT r.source_app, i.account_id, count(*) AS count, max(r.created_at) AS last_import_at
FROM recordings r LEFT JOIN sync_job_items i ON i.id = r.imported_by_item
GROUP BY r.source_app, i.account_id
""")
_WAITING = text("SELECT account_id, count(*) AS waiting FROM webhook_held GROUP BY account_id")
_ATTEMPT = """
SELECT a.id, a.source_app, a.method, a.reason, a.account_id, a.created_at, a.expires_at,
    CASE WHEN a.status IN ('started', 'submitted') AND a.expires_at <= now() THEN 'expired'
         ELSE a.status END AS status
FROM connect_attempts a
"""
_ATTEMPTS = text(f"""
SELECT DISTINCT ON (x.source_app) x.* FROM ({_ATTEMPT}) x
WHERE x.created_at > now() - interval '15 minutes' ORDER BY x.source_app, x.created_at DESC, x.id
""")
_ADD_ATTEMPT = text("""
INSERT INTO connect_attempts (id, user_id, session_hash, source_app, method, state_hash, pkce_verifier_sealed,
    secret_sealed, status, redirect_uri, options)
VALUES (:id, :user, :session_hash, :source, :method, :state_hash, :verifier, :secret, :status, :redirect_uri,
    CAST(:options AS jsonb))
RETURNING expires_at
""")
_OPEN_ATTEMPTS = text("""
SELECT count(*) FROM connect_attempts
WHERE source_app = :source AND status IN ('started', 'submitted') AND expires_at > now()
""")


@dataclass(frozen=True)
class NewAttempt:
    """A try at connecting, as it is stored: nothing of it can be read back here."""

    id: UUID
    user: UUID
    source: str
    method: str
    status: str
    session_hash: bytes | None = None
    state_hash: bytes | None = None
    verifier: bytes | None = None
    secret: bytes | None = None
    redirect_uri: str | None = None


async def list_accounts(connection: AsyncConnection) -> list[RowMapping]:
    """The user's accounts, the oldest first."""
    return list((await connection.execute(_ACCOUNTS)).mappings())


async def find_account(connection: AsyncConnection, *, account: UUID) -> RowMapping | None:
    """Locked. None for an unknown one and for somebody else's."""
    return (await connection.execute(_LOCKED, {"account": account})).mappings().one_or_none()


async def set_status(connection: AsyncConnection, *, account: UUID, status: str, is_active: bool) -> RowMapping:
    """Pause or resume; answers the row as SourceChanged tells it."""
    values = {"account": account, "status": status, "is_active": is_active}
    return (await connection.execute(_SET_STATUS, values)).mappings().one()


async def set_options(connection: AsyncConnection, *, account: UUID, options: dict[str, bool]) -> RowMapping:
    """Change some options and leave the others."""
    values = {"account": account, "options": json.dumps(options)}
    return (await connection.execute(_SET_OPTIONS, values)).mappings().one()


async def disconnect(connection: AsyncConnection, *, account: UUID) -> RowMapping | None:
    """None where it is disconnected already."""
    return (await connection.execute(_DISCONNECT, {"account": account})).mappings().one_or_none()


async def count_calls(connection: AsyncConnection) -> list[RowMapping]:
    """Calls in the library by source and account, which is None for those of none."""
    return list((await connection.execute(_COUNTS)).mappings())


async def count_waiting(connection: AsyncConnection) -> dict[UUID, int]:
    """Deliveries that an account could not take yet."""
    return {row.account_id: row.waiting for row in await connection.execute(_WAITING)}


async def list_attempts(connection: AsyncConnection) -> list[RowMapping]:
    """The latest try at each source, of the last minutes."""
    return list((await connection.execute(_ATTEMPTS)).mappings())


async def count_open_attempts(connection: AsyncConnection, *, source: str) -> int:
    """How many tries at a source are under way."""
    return int(await connection.scalar(_OPEN_ATTEMPTS, {"source": source}) or 0)


async def add_attempt(connection: AsyncConnection, *, new: NewAttempt, options: dict[str, bool]) -> Any:
    """Store it; answers until when it may be used."""
    return await connection.scalar(_ADD_ATTEMPT, {**new.__dict__, "options": json.dumps(options)})
