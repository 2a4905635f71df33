"""Ends items that are skipped: nothing to import, for now or for ever, and no failure."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_contracts import ItemSkipped
from recorder.books import Books

# Only the attempt that is under way, and only an open item. Items of other jobs that wait for this one go
# along, unless this job was stopped: theirs was not, and they get a ticket of their own.
_SKIP_ITEMS = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[])
    AS x (item, job, attempt, code, message, revisit_at)
), first AS (
    SELECT i.id, x.code, x.message, x.revisit_at, i.owner_user_id, i.source_app, i.external_id
    FROM x JOIN sync_job_items i ON i.id = x.item AND i.job_id = x.job AND i.attempt = x.attempt
    WHERE i.status = 'found'
), all_of_them AS (
    SELECT id, code, message, revisit_at FROM first
    UNION
    SELECT i.id, first.code, first.message, NULL FROM first JOIN sync_job_items i
        ON i.owner_user_id = first.owner_user_id AND i.source_app = first.source_app
        AND i.external_id = first.external_id AND i.status = 'found' AND i.ticketed_at IS NULL
    WHERE first.code <> 'cancelled'
), locked AS (
    SELECT DISTINCT ON (i.id) i.id, a.code, a.message, a.revisit_at
    FROM sync_job_items i JOIN all_of_them a ON a.id = i.id WHERE i.status = 'found' ORDER BY i.id
), held AS (
    SELECT i.id FROM sync_job_items i JOIN locked USING (id) ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks USING held WHERE tasks.item_id = held.id
)
UPDATE sync_job_items i SET status = 'skipped', code = l.code, message = l.message, revisit_at = l.revisit_at,
    retryable = false, retry_at = NULL, ended_at = now()
FROM locked l JOIN held USING (id) WHERE i.id = l.id AND i.status = 'found'
RETURNING i.id, i.job_id, i.source_app, 'found' AS was, i.status, i.code
"""  # fmt: skip


async def skip(books: Books, skips: Iterable[ItemSkipped]) -> int:
    """End the attempts that are still under way as skipped; how many."""
    once = {(one.job_id, one.item_id, one.attempt): one for one in skips}
    if not once:
        return 0
    ordered = sorted(once.values(), key=lambda one: one.item_id)
    rows = [(one.item_id, one.job_id, one.attempt, one.code, one.message, one.revisit_at) for one in ordered]
    return await books.enter(_SKIP_ITEMS, zip(*rows, strict=True))
