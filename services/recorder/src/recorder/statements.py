"""The recorder's SQL. Locks are taken in the order that holds everywhere: usage by owner, recordings by
key, items by id, jobs by id. Arrays come sorted by key, and `unnest` keeps their order."""

from __future__ import annotations

from typing import Final

from pipeline_contracts import IMPORT_PROGRESS, RECORDING_CREATED, JobProgress, RecordingCreated
from pipeline_runtime.outbox import HOLD

SERVICE: Final = "recorder"
SOURCE: Final = "/callvault/recorder"
HOLD_SECONDS: Final = int(HOLD.total_seconds())

# How jobs stand when `moves` (id, and what each counter gains) is entered: counted, closed when all is found and
# all has ended, told. Also a job that had ended, and whose failed item is imported after all, gets its new status.
# The expressions read the row as it stands under its lock.
_OVER = """j.discovery_ended_at IS NOT NULL
        AND j.found = j.imported + j.duplicates + j.failed + j.skipped + m.imported + m.duplicates + m.failed + m.skipped"""
_COUNTED = f"""locked_jobs AS (
    SELECT id FROM sync_jobs WHERE id = ANY (ARRAY(SELECT id FROM moves)) ORDER BY id FOR UPDATE
), counted AS (
    UPDATE sync_jobs j SET imported = j.imported + m.imported, duplicates = j.duplicates + m.duplicates,
        failed = j.failed + m.failed, skipped = j.skipped + m.skipped, version = j.version + 1,
        ended_at = CASE WHEN {_OVER} THEN coalesce(j.ended_at, now()) ELSE j.ended_at END,
        status = CASE WHEN NOT ({_OVER}) THEN j.status
            WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
            WHEN j.failed + m.failed = 0 AND j.code IS NULL THEN 'completed'
            WHEN j.imported + m.imported + j.duplicates + m.duplicates + j.skipped + m.skipped > 0 THEN 'partial'
            ELSE 'failed' END
    FROM moves m JOIN locked_jobs l ON l.id = m.id WHERE j.id = m.id
    RETURNING j.*
), told AS (
    INSERT INTO outbox (id, service, aggregatetype, aggregateid, type, payload, headers, not_before)
    SELECT gen_random_uuid(), '{SERVICE}', '{IMPORT_PROGRESS.name}', c.owner_user_id::text, '{JobProgress.event_type}',
        json_strip_nulls(json_build_object('job_id', c.id, 'version', c.version, 'source_app', c.source_app,
            'trigger', c.trigger, 'status', c.status, 'found', c.found, 'imported', c.imported,
            'duplicates', c.duplicates, 'failed', c.failed, 'skipped', c.skipped, 'open', c.open,
            'seen', c.seen, 'code', c.code, 'message', c.message, 'ended_at', c.ended_at))::text,
        jsonb_build_object('ce_specversion', '1.0', 'ce_id', 'progress:' || c.id || ':' || c.version,
            'ce_type', '{JobProgress.event_type}', 'ce_source', '{SOURCE}', 'ce_time', now(),
            'content-type', 'application/json', 'ce_jobid', c.id, 'ce_attempt', '1'),
        now() + interval '{HOLD_SECONDS} seconds'
    FROM counted c
    RETURNING id, aggregateid, payload, headers
)"""

# Which item a record belongs to, whose it is, and where it goes. Reads only.
FIND_ITEMS = """
SELECT r.n, i.id, i.status, i.attempt, i.owner_user_id, i.source_app, p.monthly_imports, b.id AS bank, v.id AS vault
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS r (job, external_id, n)
JOIN sync_job_items i ON i.job_id = r.job AND i.external_id = r.external_id
JOIN users u ON u.id = i.owner_user_id JOIN plans p ON p.name = u.plan
LEFT JOIN banks b ON b.personal_of = u.id LEFT JOIN vaults v ON v.personal_of = u.id
"""

# Of the places that records name themselves: those whose owner is a member there, with the vault in that bank.
FIND_ALLOWED_PLACES = """
SELECT DISTINCT x.owner, b.bank_id AS bank, v.id AS vault
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS x (owner, bank, vault)
JOIN bank_memberships b ON b.user_id = x.owner AND b.bank_id = x.bank
JOIN vaults v ON v.id = x.vault AND v.bank_id = b.bank_id
"""

MAKE_USAGE = """
INSERT INTO import_usage (owner_user_id, month)
SELECT owner, this_month() FROM unnest($1::uuid[]) AS x (owner) ON CONFLICT DO NOTHING
"""

LOCK_USAGE = """
SELECT owner_user_id, used FROM import_usage
WHERE owner_user_id = ANY($1::uuid[]) AND month = this_month() ORDER BY owner_user_id FOR UPDATE
"""

ADD_USAGE = """
UPDATE import_usage SET used = used + x.n FROM unnest($1::uuid[], $2::integer[]) AS x (owner, n)
WHERE owner_user_id = x.owner AND month = this_month()
"""

FIND_RECORDINGS = """
SELECT r.owner_user_id, r.source_app, r.external_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS x (owner, source, external_id)
JOIN recordings r ON r.owner_user_id = x.owner AND r.source_app = x.source AND r.external_id = x.external_id
"""

# The whole of a batch in one statement, which is one round trip and one transaction: insert what is wanted and
# new, into its vault, and announce it; end each item by its recording, with other jobs' open items of the same
# call; count and close the jobs, and tell how they stand. A record in flight also imports an item that failed or
# was cancelled meanwhile. A conflict with one's own recording is a redelivery: still imported.
# Answers what was made and which items are settled. What is neither settled nor unwanted met a recording that
# another transaction committed meanwhile, which this one's snapshot lacks: the same statement again sees it.
# An item that was admitted meanwhile is seen by the reconciler.
# LIMIT and ANY hold the planner to the index: what it once planned for an empty table would read a full one.
RECORD = f"""
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $5::uuid[], $6::boolean[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::double precision[], $13::timestamptz[], $14::text[])
    AS x (id, owner, bank, item, wanted, source, external_id, title, transcript, metadata, duration, start, segments)
), new AS (
    INSERT INTO recordings (id, owner_user_id, bank_id, imported_by_item, source_app, external_id, title,
        full_transcript, source_metadata, duration, recording_start_time, segments)
    SELECT id, owner, bank, item, source, external_id, title, transcript, metadata::jsonb, duration, start, segments::jsonb
    FROM x WHERE wanted
    ON CONFLICT ON CONSTRAINT each_call_once DO NOTHING
    RETURNING id, owner_user_id, source_app, external_id, imported_by_item
), c AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $4::uuid[], $5::uuid[], $7::text[], $8::text[],
        $15::uuid[], $16::text[], $17::text[])
    AS c (id, owner, vault, item, source, external_id, event, payload, headers)
), placed AS (
    INSERT INTO vault_entries (vault_id, recording_id) SELECT c.vault, c.id FROM c JOIN new USING (id)
), announced AS (
    INSERT INTO outbox (id, service, aggregatetype, aggregateid, type, payload, headers, not_before)
    SELECT c.event, '{SERVICE}', '{RECORDING_CREATED.name}', c.owner::text, '{RecordingCreated.event_type}', c.payload,
        c.headers::jsonb, now() + interval '{HOLD_SECONDS} seconds'
    FROM c JOIN new USING (id)
), known AS (
    SELECT c.item, c.owner, c.source, c.external_id, coalesce(n.id, r.id) AS recording,
        coalesce(n.imported_by_item, r.imported_by_item) AS imported_by
    FROM c LEFT JOIN new n
        ON n.owner_user_id = c.owner AND n.source_app = c.source AND n.external_id = c.external_id
    LEFT JOIN LATERAL (
        SELECT r.id, r.imported_by_item FROM recordings r WHERE n.id IS NULL
        AND r.owner_user_id = c.owner AND r.source_app = c.source AND r.external_id = c.external_id LIMIT 1) r ON true
    WHERE coalesce(n.id, r.id) IS NOT NULL
), ends AS (
    SELECT item AS id, recording, true AS own, CASE WHEN imported_by = item THEN 'imported' ELSE 'duplicate' END AS status
    FROM known
    UNION ALL
    SELECT i.id, k.recording, false, 'duplicate' FROM known k JOIN sync_job_items i
        ON i.owner_user_id = k.owner AND i.source_app = k.source AND i.external_id = k.external_id AND i.status = 'found'
    WHERE i.id NOT IN (SELECT item FROM known)
), locked AS (
    SELECT i.id, i.status AS was, e.status, e.recording FROM ends e JOIN sync_job_items i ON i.id = e.id
    WHERE i.status = 'found' OR (e.own AND i.status IN ('failed', 'skipped'))
    ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks WHERE item_id = ANY (ARRAY(SELECT id FROM locked))
), ended AS (
    UPDATE sync_job_items i SET status = l.status, recording_id = l.recording, code = NULL, message = NULL,
        retryable = false, retry_at = NULL, revisit_at = NULL, ended_at = now()
    FROM locked l WHERE i.id = l.id
    RETURNING i.job_id, i.source_app, l.was, i.status
), moves AS (
    SELECT job_id AS id, (count(*) FILTER (WHERE status = 'imported'))::integer AS imported,
        (count(*) FILTER (WHERE status = 'duplicate'))::integer AS duplicates,
        -(count(*) FILTER (WHERE was = 'failed'))::integer AS failed,
        -(count(*) FILTER (WHERE was = 'skipped'))::integer AS skipped
    FROM ended GROUP BY job_id
), {_COUNTED}
SELECT (SELECT array_agg(id) FROM new) AS created,
    (SELECT array_agg(item) FROM known) AS settled,
    (SELECT json_agg(e) FROM (SELECT source_app, status, count(*) AS n FROM ended GROUP BY 1, 2) e) AS ended,
    (SELECT json_agg(t) FROM told t) AS told
"""

# Another transcript of a call, in place of an older one. Its task is done, unless it has been asked for again.
AMEND = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[])
    AS x (item, job, version, transcript, segments, metadata)
), locked AS (
    SELECT r.id, x.* FROM x JOIN sync_job_items i ON i.id = x.item AND i.job_id = x.job
    JOIN recordings r ON r.owner_user_id = i.owner_user_id AND r.source_app = i.source_app
        AND r.external_id = i.external_id AND r.imported_by_item = i.id
    ORDER BY r.owner_user_id, r.source_app, r.external_id FOR UPDATE OF r
), work AS (
    DELETE FROM tasks t USING x JOIN sync_job_items i ON i.id = x.item AND i.job_id = x.job
    WHERE t.item_id = i.id AND t.kind = 'transcribe' AND t.sent_at IS NOT NULL
)
UPDATE recordings r SET full_transcript = l.transcript, segments = l.segments::jsonb, version = l.version,
    source_metadata = r.source_metadata || (l.metadata::jsonb - 'external_id')
FROM locked l WHERE r.id = l.id AND r.version < l.version
RETURNING r.id, r.owner_user_id, r.bank_id, r.source_app, r.external_id, r.title, r.version,
    length(r.full_transcript) AS length,
    coalesce(jsonb_array_length(r.source_metadata #> '{transcription,gaps}'), 0) AS gaps
"""

# Open items of calls that are in the library by now.
END_TWINS = """
WITH locked AS (
    SELECT i.id, x.recording FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
        AS x (owner, source, external_id, recording)
    JOIN sync_job_items i ON i.owner_user_id = x.owner AND i.source_app = x.source
        AND i.external_id = x.external_id AND i.status = 'found'
    ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks WHERE item_id = ANY (ARRAY(SELECT id FROM locked))
)
UPDATE sync_job_items i SET status = 'duplicate', recording_id = locked.recording, ended_at = now()
FROM locked WHERE i.id = locked.id AND i.status = 'found'
RETURNING i.id, i.job_id, i.source_app, 'found' AS was, i.status, i.code
"""

# End items by failed attempts: only the attempt that is under way, and only an open item. Items of other jobs
# that wait for this one fail with it; they would fail of the same cause. Retryable ones reopen by
# themselves for three days, each time after twice the wait, but not those that wait for the next month.
FAIL_ITEMS = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::boolean[])
    AS x (item, job, attempt, code, message, retryable)
), first AS (
    SELECT i.id, x.code, x.message, x.retryable, i.owner_user_id, i.source_app, i.external_id
    FROM x JOIN sync_job_items i ON i.id = x.item AND i.job_id = x.job AND i.attempt = x.attempt
    WHERE i.status = 'found'
), all_of_them AS (
    SELECT id, code, message, retryable FROM first
    UNION
    SELECT i.id, first.code, first.message, first.retryable FROM first JOIN sync_job_items i
        ON i.owner_user_id = first.owner_user_id AND i.source_app = first.source_app
        AND i.external_id = first.external_id AND i.status = 'found' AND i.ticketed_at IS NULL
), locked AS (
    SELECT i.id, a.code, a.message, a.retryable FROM sync_job_items i JOIN all_of_them a ON a.id = i.id
    WHERE i.status = 'found' ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks WHERE item_id = ANY (ARRAY(SELECT id FROM locked))
)
UPDATE sync_job_items i SET status = 'failed', code = l.code, message = l.message, retryable = l.retryable,
    ended_at = now(), first_failed_at = coalesce(i.first_failed_at, now()),
    retry_at = CASE WHEN l.retryable AND l.code NOT IN ('quota_exceeded', 'reconnect_needed')
                     AND now() < coalesce(i.first_failed_at, now()) + interval '3 days'
               THEN now() + least(interval '6 hours', interval '5 minutes' * 2 ^ least(i.attempt - 1, 10)) END
FROM locked l WHERE i.id = l.id AND i.status = 'found'
RETURNING i.id, i.job_id, i.source_app, 'found' AS was, i.status, i.code
"""

# Move the counters of jobs, close those that are over, tell how all of them stand.
COUNT = f"""
WITH moves AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[])
    AS x (id, imported, duplicates, failed, skipped)
), {_COUNTED}
SELECT json_agg(t) AS told FROM told t
"""
