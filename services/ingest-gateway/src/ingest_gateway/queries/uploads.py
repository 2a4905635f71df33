"""What an upload enters into the books, by the web role."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SOURCE_APP = "file_upload"

_ADD_JOB = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES (:job, :owner, :source_app, 'upload')
""")
_ADMIT = text("SELECT outcome, item_id, recording_id FROM admit(:job, CAST(:items AS jsonb), true)")
_ENTERED = text("""
SELECT j.status AS job_status, i.code, i.message
FROM sync_job_items i JOIN sync_jobs j ON j.id = i.job_id WHERE i.id = :item
""")
_ADD_UPLOAD = text("""
INSERT INTO uploads (id, owner_user_id, job_id, object_key, sha256, size, filename, content_type,
    client_modified_at)
VALUES (:id, :owner, :job, :key, :sha256, :size, :filename, :content_type, :modified_at)
""")


@dataclass(frozen=True)
class Admitted:
    """How `admit` has judged the one item of an upload, and what the books say after it."""

    outcome: str
    item_id: UUID
    recording_id: UUID | None
    job_status: str
    code: str | None
    message: str | None


async def add_job(connection: AsyncConnection, *, job: UUID, owner: UUID) -> None:
    """A job for one upload."""
    await connection.execute(_ADD_JOB, {"job": job, "owner": owner, "source_app": SOURCE_APP})


async def admit_file(connection: AsyncConnection, *, job: UUID, item: dict[str, Any]) -> Admitted:
    """Enter the file as the one item that the job finds."""
    answer = (await connection.execute(_ADMIT, {"job": job, "items": json.dumps([item])})).one()
    entered = (await connection.execute(_ENTERED, {"item": answer.item_id})).one()
    return Admitted(**answer._mapping, **entered._mapping)


async def add_upload(
    connection: AsyncConnection, *, upload: UUID, owner: UUID, job: UUID, key: str, sha256: str, size: int,
    filename: str, content_type: str, modified_at: datetime | None,
) -> None:  # fmt: skip
    """Where the bytes of an upload lie."""
    values = {
        "id": upload, "owner": owner, "job": job, "key": key, "sha256": sha256, "size": size,
        "filename": filename, "content_type": content_type, "modified_at": modified_at,
    }  # fmt: skip
    await connection.execute(_ADD_UPLOAD, values)
