"""The library, by the web role: row-level security shows the user's own calls alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = """
r.id, r.title, r.source_app, r.external_id, r.recording_start_time, r.duration,
length(r.full_transcript) AS transcript_length, r.created_at
"""
_PAGE = text(f"""
SELECT {_COLUMNS} FROM recordings r
WHERE CAST(:before AS uuid) IS NULL
   OR (r.created_at, r.id) < (SELECT b.created_at, b.id FROM recordings b WHERE b.id = :before)
ORDER BY r.created_at DESC, r.id DESC LIMIT :limit
""")
_ONE = text(f"""
SELECT {_COLUMNS}, r.full_transcript, r.segments, r.source_metadata, r.bank_id, r.global_tags,
    ARRAY(SELECT e.vault_id FROM vault_entries e WHERE e.recording_id = r.id ORDER BY e.created_at, e.vault_id)
    AS vault_ids
FROM recordings r WHERE r.id = :recording
""")


async def list_recordings(connection: AsyncConnection, *, limit: int, before: UUID | None) -> list[RowMapping]:
    """Last imported first; those imported before the recording `before`."""
    return list((await connection.execute(_PAGE, {"limit": limit, "before": before})).mappings())


async def find_recording(connection: AsyncConnection, *, recording: UUID) -> RowMapping | None:
    """With its transcript. None for an unknown one and for somebody else's."""
    return (await connection.execute(_ONE, {"recording": recording})).mappings().one_or_none()
