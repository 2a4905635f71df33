"""The library, by the web role: row-level security shows the user's own calls alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

SNIPPET_BEFORE = 90
SNIPPET_LENGTH = 280

_COLUMNS = """
r.id, r.title, r.source_app, r.external_id, r.recording_start_time, r.duration,
length(r.full_transcript) AS transcript_length, r.created_at,
coalesce(r.source_metadata #> '{transcription,partial}' = 'true', false) AS is_partial
"""
_TIMES = {"imported": "created_at", "recorded": "recording_start_time"}
_WANTED = """
FROM recordings r WHERE (CAST(:source AS text) IS NULL OR r.source_app = :source)
"""
_SEARCHED = f"{_WANTED} AND r.id IN (SELECT find_calls(:text))"
# The transcripts are looked at last, for the rows of the page alone.
_SNIPPET = f"""
, p.place, CASE WHEN p.place > 0 THEN
    substr(r.full_transcript, greatest(1, p.place - {SNIPPET_BEFORE}), {SNIPPET_LENGTH}) END AS snippet
"""
_PLACE = """
CROSS JOIN LATERAL (SELECT regexp_instr(r.full_transcript, :pattern, 1, 1, 0, 'i') AS place OFFSET 0) p
"""
_PAGE = """
WITH page AS MATERIALIZED (
    SELECT r.id, r.{time} AS at {wanted}
    AND (CAST(:before AS uuid) IS NULL
         OR (r.{time}, r.id) < (SELECT b.{time}, b.id FROM recordings b WHERE b.id = :before))
    ORDER BY r.{time} DESC, r.id DESC LIMIT :limit
)
SELECT {columns} FROM page JOIN recordings r ON r.id = page.id {place} ORDER BY page.at DESC, r.id DESC
"""
_ONE = text(f"""
SELECT {_COLUMNS}, r.full_transcript, r.version, r.segments, r.source_metadata, r.bank_id, r.global_tags,
    ARRAY(SELECT e.vault_id FROM vault_entries e WHERE e.recording_id = r.id ORDER BY e.created_at, e.vault_id)
    AS vault_ids
FROM recordings r WHERE r.id = :recording
""")
_HISTORY = text("""
WITH led AS (
    SELECT i.* FROM recordings r JOIN sync_job_items i ON i.id = r.imported_by_item WHERE r.id = :recording
    UNION ALL
    (SELECT i.* FROM sync_job_items i WHERE i.recording_id = :recording AND i.status = 'duplicate'
     ORDER BY i.ended_at DESC LIMIT 100)
)
SELECT i.id AS item_id, i.job_id, i.status, j.trigger, i.account_id, s.email AS account_email, i.ended_at,
    (SELECT u.filename FROM uploads u WHERE u.job_id = i.job_id LIMIT 1) AS filename
FROM led i JOIN sync_jobs j ON j.id = i.job_id LEFT JOIN import_sources s ON s.id = i.account_id
WHERE i.status IN ('imported', 'duplicate') ORDER BY i.status = 'imported' DESC, i.ended_at DESC, i.id
""")


@dataclass(frozen=True)
class Search:
    """Which calls are meant. `text` is as it was typed, `pattern` is a regular expression of its words."""

    source_app: str | None = None
    text: str | None = None
    pattern: str | None = None

    @property
    def wanted(self) -> str:
        """The statement's part that picks them."""
        return _SEARCHED if self.text else _WANTED

    def values(self) -> dict[str, Any]:
        """As the statements name them."""
        return {"source": self.source_app} | ({"text": self.text} if self.text else {})


async def list_recordings(
    connection: AsyncConnection, *, search: Search, sort: str, limit: int, before: UUID | None
) -> list[RowMapping]:
    """The latest first, by import or by recording; those that come after the recording `before`.

    Where a text is searched for, `snippet` is a piece of the transcript around the first of its words, and
    `place` is where that stands in the whole, from 1; None and 0 where it has none of them.
    """
    values = {**search.values(), "limit": limit, "before": before}
    columns, place = _COLUMNS, ""
    if search.text:
        columns, place = _COLUMNS + _SNIPPET, _PLACE
        values["pattern"] = search.pattern
    statement = text(_PAGE.format(time=_TIMES[sort], wanted=search.wanted, columns=columns, place=place))
    return list((await connection.execute(statement, values)).mappings())


async def count_recordings(connection: AsyncConnection, *, search: Search) -> int:
    """How many there are."""
    return int(await connection.scalar(text(f"SELECT count(*) {search.wanted}"), search.values()) or 0)


async def find_recording(connection: AsyncConnection, *, recording: UUID) -> RowMapping | None:
    """With its transcript. None for an unknown one and for somebody else's."""
    return (await connection.execute(_ONE, {"recording": recording})).mappings().one_or_none()


async def list_imports(connection: AsyncConnection, *, recording: UUID) -> list[RowMapping]:
    """How a call came in: the item that imported it, then those that found it again, the latest first."""
    return list((await connection.execute(_HISTORY, {"recording": recording})).mappings())
