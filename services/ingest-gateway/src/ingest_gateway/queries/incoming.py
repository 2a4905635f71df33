"""Uploads whose bytes come in by and by, by the web role. A lease says which request may write.

Times are set and compared by the database's clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest_gateway.queries.uploads import SOURCE_APP
from pipeline_runtime import tasks

KIND = "check_upload"
"""Tasks that look at the bytes of uploads which are whole."""

_COLUMNS = """id, owner_user_id AS owner, size, received, filename, metadata, claimed_sha256, state, job_id,
    code, message, expires_at, expires_at <= now() AS is_expired"""
_ADD = text("""
INSERT INTO incoming_uploads (id, owner_user_id, size, filename, metadata, claimed_sha256, expires_at)
VALUES (:id, :owner, :size, :filename, :metadata, :claimed, now() + CAST(:keep AS interval))
RETURNING expires_at
""")
_COUNT = text("SELECT count(*) FROM incoming_uploads WHERE state = 'receiving'")
_FIND = text(f"SELECT {_COLUMNS} FROM incoming_uploads WHERE id = :id")
_LOOK = text("""
SELECT u.id, u.state, u.filename, u.size, u.received AS "offset", u.created_at, u.expires_at, u.job_id,
    u.outcome, j.status, i.id AS item_id, i.recording_id, coalesce(u.code, i.code) AS code,
    coalesce(u.message, i.message) AS message
FROM incoming_uploads u LEFT JOIN sync_jobs j ON j.id = u.job_id
LEFT JOIN sync_job_items i ON i.job_id = u.job_id
WHERE u.id = :id
""")
_TAKE = text(f"""
UPDATE incoming_uploads SET leased_by = :by, lease_until = now() + CAST(:lease AS interval), wanted_at = NULL
WHERE id = :id AND state = 'receiving' AND expires_at > now() AND (lease_until IS NULL OR lease_until <= now())
RETURNING {_COLUMNS}
""")
_WANT = text("UPDATE incoming_uploads SET wanted_at = now() WHERE id = :id AND state = 'receiving'")
_RENEW = text("""
UPDATE incoming_uploads SET lease_until = now() + CAST(:lease AS interval), received = :received,
    expires_at = now() + CAST(:keep AS interval)
WHERE id = :id AND leased_by = :by AND lease_until > now() RETURNING wanted_at IS NOT NULL
""")
_RELEASE = text("""
UPDATE incoming_uploads SET leased_by = NULL, lease_until = NULL, wanted_at = NULL, received = :received,
    expires_at = now() + CAST(:keep AS interval)
WHERE id = :id AND leased_by = :by AND lease_until > now() RETURNING expires_at
""")
_COMPLETE = text("""
UPDATE incoming_uploads SET leased_by = NULL, lease_until = NULL, wanted_at = NULL, received = size,
    state = 'checking', job_id = :job, expires_at = now() + CAST(:keep AS interval)
WHERE id = :id AND leased_by = :by AND lease_until > now() RETURNING expires_at
""")
_REFUSE_BEGINNING = text("""
UPDATE incoming_uploads SET leased_by = NULL, lease_until = NULL, wanted_at = NULL, state = 'refused',
    code = :code, message = :message
WHERE id = :id AND leased_by = :by AND lease_until > now() RETURNING id
""")
_REMOVE_HELD = text("DELETE FROM incoming_uploads WHERE id = :id AND leased_by = :by RETURNING id")
_REMOVE_REFUSED = text("DELETE FROM incoming_uploads WHERE id = :id AND state = 'refused' RETURNING id")
_ADD_JOB = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, request)
VALUES (:job, :owner, :source_app, 'upload', CAST(:request AS jsonb))
""")
_ADD_TASK = text("""
INSERT INTO tasks (kind, job_id, owner_user_id, attempt, payload)
VALUES (:kind, :job, :owner, 1, CAST(:payload AS jsonb))
""")
_LOCK_CHECKED = text(f"""
SELECT {_COLUMNS} FROM incoming_uploads WHERE id = :id AND state = 'checking' FOR UPDATE
""")
_IS_CANCELLED = text("SELECT cancel_requested_at IS NOT NULL FROM sync_jobs WHERE id = :job")
_DONE = text("UPDATE incoming_uploads SET state = 'done', outcome = :outcome WHERE id = :id")
_REFUSE_WHOLE = text("""
UPDATE incoming_uploads SET state = 'refused', code = :code, message = :message WHERE id = :id
""")
_FAIL_JOB = text("""
UPDATE sync_jobs SET code = :code, message = :message, discovery_ended_at = coalesce(discovery_ended_at, now()),
    started_at = coalesce(started_at, now()), version = version + 1
WHERE id = :job
""")
_KNOWN = text("""
SELECT w.sha256, r.id AS recording_id, coalesce(i.job_id, u.job_id) AS job_id, u.id AS upload_id,
    CASE WHEN r.id IS NOT NULL THEN 'imported' WHEN i.status = 'found' THEN 'importing'
         WHEN u.state IS NOT NULL THEN u.state WHEN i.status = 'failed' THEN 'failed'
         ELSE 'unknown' END AS state
FROM unnest(CAST(:hashes AS text[])) WITH ORDINALITY AS w (sha256, place)
LEFT JOIN recordings r ON r.owner_user_id = :owner AND r.source_app = :source_app AND r.external_id = w.sha256
LEFT JOIN LATERAL (
    SELECT i.job_id, i.status FROM sync_job_items i
    WHERE i.owner_user_id = :owner AND i.source_app = :source_app AND i.external_id = w.sha256
      AND i.status IN ('found', 'failed')
    ORDER BY i.status = 'found' DESC, i.created_at DESC LIMIT 1) i ON true
LEFT JOIN LATERAL (
    SELECT u.id, u.state, u.job_id FROM incoming_uploads u
    WHERE u.owner_user_id = :owner AND u.claimed_sha256 = w.sha256 AND u.state IN ('receiving', 'checking')
      AND u.expires_at > now()
    ORDER BY u.state, u.created_at DESC LIMIT 1) u ON true
ORDER BY w.place
""")


@dataclass(frozen=True)
class Incoming:
    """A resumable upload's row. Sizes in bytes; `received` are on the disk for good."""

    id: UUID
    owner: UUID
    size: int
    received: int
    filename: str
    metadata: str
    claimed_sha256: str | None
    state: str
    job_id: UUID | None
    code: str | None
    message: str | None
    expires_at: datetime
    is_expired: bool


async def add_incoming(
    connection: AsyncConnection, *, upload: UUID, owner: UUID, size: int, filename: str, metadata: str,
    claimed: str | None, keep: timedelta,
) -> datetime:  # fmt: skip
    """A new upload without a byte; when it expires."""
    values = {
        "id": upload, "owner": owner, "size": size, "filename": filename, "metadata": metadata,
        "claimed": claimed, "keep": keep,
    }  # fmt: skip
    expires: datetime = (await connection.execute(_ADD, values)).scalar_one()
    return expires


async def count_incoming(connection: AsyncConnection) -> int:
    """How many uploads of the user are not whole yet."""
    return int(await connection.scalar(_COUNT) or 0)


async def find_incoming(connection: AsyncConnection, *, upload: UUID) -> Incoming | None:
    """None for an unknown one and for somebody else's."""
    return _incoming((await connection.execute(_FIND, {"id": upload})).one_or_none())


async def look_at_incoming(connection: AsyncConnection, *, upload: UUID) -> RowMapping | None:
    """How an upload stands, with what became of its file."""
    return (await connection.execute(_LOOK, {"id": upload})).mappings().one_or_none()


async def take(connection: AsyncConnection, *, upload: UUID, by: UUID, lease: timedelta) -> Incoming | None:
    """The right to write, where nobody has it."""
    return _incoming((await connection.execute(_TAKE, {"id": upload, "by": by, "lease": lease})).one_or_none())


async def want(connection: AsyncConnection, *, upload: UUID) -> None:
    """Ask whoever writes to stop."""
    await connection.execute(_WANT, {"id": upload})


async def renew(
    connection: AsyncConnection, *, upload: UUID, by: UUID, lease: timedelta, received: int, keep: timedelta
) -> bool | None:
    """Whether somebody else wants to write; None where the lease is lost."""
    values = {"id": upload, "by": by, "lease": lease, "received": received, "keep": keep}
    is_wanted: bool | None = await connection.scalar(_RENEW, values)
    return is_wanted


async def release(
    connection: AsyncConnection, *, upload: UUID, by: UUID, received: int, keep: timedelta
) -> datetime | None:
    """Give the right to write back; when the upload expires now. None where it was lost."""
    values = {"id": upload, "by": by, "received": received, "keep": keep}
    expires: datetime | None = await connection.scalar(_RELEASE, values)
    return expires


async def complete(
    connection: AsyncConnection, upload: Incoming, *, by: UUID, job: UUID, keep: timedelta
) -> datetime | None:
    """All bytes are there: a job, and a task that looks at them. None where the right to write was lost."""
    request = json.dumps({"filename": upload.filename, "upload_id": str(upload.id)})
    made = {"job": job, "owner": upload.owner, "source_app": SOURCE_APP, "request": request}
    await connection.execute(_ADD_JOB, made)
    values = {"id": upload.id, "by": by, "job": job, "keep": keep}
    expires: datetime | None = await connection.scalar(_COMPLETE, values)
    if expires is not None:
        payload = json.dumps({"upload_id": str(upload.id)})
        task = {"kind": KIND, "job": job, "owner": upload.owner, "payload": payload}
        await connection.execute(_ADD_TASK, task)
        await tasks.notify(connection, KIND)
    return expires


async def refuse_beginning(
    connection: AsyncConnection, *, upload: UUID, by: UUID, code: str, message: str
) -> bool:
    """The first bytes are those of nothing that is taken. False where the right to write was lost."""
    values = {"id": upload, "by": by, "code": code, "message": message}
    return await connection.scalar(_REFUSE_BEGINNING, values) is not None


async def remove_held(connection: AsyncConnection, *, upload: UUID, by: UUID) -> bool:
    """Forget an upload that the caller may write to."""
    return await connection.scalar(_REMOVE_HELD, {"id": upload, "by": by}) is not None


async def remove_refused(connection: AsyncConnection, *, upload: UUID) -> bool:
    """Forget an upload that was refused."""
    return await connection.scalar(_REMOVE_REFUSED, {"id": upload}) is not None


async def lock_checked(connection: AsyncConnection, *, upload: UUID) -> Incoming | None:
    """The upload, unless it is decided already. Nobody else decides until the transaction ends."""
    return _incoming((await connection.execute(_LOCK_CHECKED, {"id": upload})).one_or_none())


async def is_cancelled(connection: AsyncConnection, *, job: UUID) -> bool:
    """Whether the user has asked for the job's end."""
    return bool(await connection.scalar(_IS_CANCELLED, {"job": job}))


async def mark_done(connection: AsyncConnection, *, upload: UUID, outcome: str) -> None:
    """The file is in the books."""
    await connection.execute(_DONE, {"id": upload, "outcome": outcome})


async def refuse_whole(
    connection: AsyncConnection, *, upload: UUID, job: UUID, code: str, message: str
) -> None:
    """The file is none that can be imported: the upload and its job say why."""
    await connection.execute(_REFUSE_WHOLE, {"id": upload, "code": code, "message": message})
    await connection.execute(_FAIL_JOB, {"job": job, "code": code, "message": message})


async def find_by_hash(connection: AsyncConnection, *, owner: UUID, hashes: Sequence[str]) -> list[RowMapping]:
    """Of each hash, in their order: what of it is in the user's library or on its way there."""
    values = {"owner": owner, "source_app": SOURCE_APP, "hashes": list(hashes)}
    return list((await connection.execute(_KNOWN, values)).mappings())


def _incoming(row: Any) -> Incoming | None:
    return None if row is None else Incoming(**row._mapping)
