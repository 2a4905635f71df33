"""The recorder's SQL. Locks are taken in the order that holds everywhere: usage by owner, recordings by
key, items by id, jobs by id. Arrays come sorted by key, and `unnest` keeps their order."""

# Which item a record belongs to, whose it is, and where it goes. Reads only.
FIND_ITEMS = """
SELECT r.n, i.id, i.status, i.attempt, i.owner_user_id, i.source_app
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS r (job, external_id, n)
JOIN sync_job_items i ON i.job_id = r.job AND i.external_id = r.external_id
"""

FIND_OWNERS = """
SELECT u.id, p.monthly_imports, b.id AS bank, v.id AS vault
FROM users u JOIN plans p ON p.name = u.plan
LEFT JOIN banks b ON b.personal_of = u.id
LEFT JOIN vaults v ON v.personal_of = u.id
WHERE u.id = ANY($1::uuid[])
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
SELECT r.id, r.owner_user_id, r.source_app, r.external_id, r.imported_by_item
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS x (owner, source, external_id)
JOIN recordings r ON r.owner_user_id = x.owner AND r.source_app = x.source AND r.external_id = x.external_id
"""

INSERT_RECORDINGS = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::double precision[], $12::timestamptz[], $13::text[])
    AS x (id, owner, bank, vault, item, source, external_id, title, transcript, metadata, duration, start, segments)
), new AS (
    INSERT INTO recordings (id, owner_user_id, bank_id, imported_by_item, source_app, external_id, title,
        full_transcript, source_metadata, duration, recording_start_time, segments)
    SELECT id, owner, bank, item, source, external_id, title, transcript, metadata::jsonb, duration, start, segments::jsonb
    FROM x
    ON CONFLICT ON CONSTRAINT each_call_once DO NOTHING
    RETURNING id
)
INSERT INTO vault_entries (vault_id, recording_id)
SELECT v.vault, id FROM unnest($1::uuid[], $4::uuid[]) AS v (id, vault) JOIN new USING (id)
RETURNING recording_id
"""

# End items by their records. A record in flight also imports an item that failed or was cancelled meanwhile.
END_ITEMS = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS x (id, status, recording)
), locked AS (
    SELECT i.id, i.status AS was FROM sync_job_items i JOIN x ON x.id = i.id
    WHERE i.status IN ('found', 'failed', 'skipped') ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks USING locked WHERE tasks.item_id = locked.id
), parts AS (
    DELETE FROM transcript_parts USING locked WHERE transcript_parts.item_id = locked.id
)
UPDATE sync_job_items i SET status = x.status, recording_id = x.recording, code = NULL, message = NULL,
    retryable = false, retry_at = NULL, revisit_at = NULL, ended_at = now()
FROM x JOIN locked USING (id) WHERE i.id = x.id
RETURNING i.id, i.job_id, i.source_app, locked.was, i.status, i.code
"""

# Other jobs' open items of the same call: by now it is in the library.
END_TWINS = """
WITH locked AS (
    SELECT i.id, x.recording FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
        AS x (owner, source, external_id, recording)
    JOIN sync_job_items i ON i.owner_user_id = x.owner AND i.source_app = x.source
        AND i.external_id = x.external_id AND i.status = 'found'
    ORDER BY i.id FOR UPDATE OF i
), work AS (
    DELETE FROM tasks USING locked WHERE tasks.item_id = locked.id
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
    DELETE FROM tasks USING locked WHERE tasks.item_id = locked.id
)
UPDATE sync_job_items i SET status = 'failed', code = l.code, message = l.message, retryable = l.retryable,
    ended_at = now(), first_failed_at = coalesce(i.first_failed_at, now()),
    retry_at = CASE WHEN l.retryable AND l.code <> 'quota_exceeded'
                     AND now() < coalesce(i.first_failed_at, now()) + interval '3 days'
               THEN now() + least(interval '6 hours', interval '5 minutes' * 2 ^ least(i.attempt - 1, 10)) END
FROM locked l WHERE i.id = l.id AND i.status = 'found'
RETURNING i.id, i.job_id, i.source_app, 'found' AS was, i.status, i.code
"""

COUNT = """
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[])
    AS x (id, imported, duplicates, failed, skipped)
), locked AS (
    SELECT j.id FROM sync_jobs j JOIN x ON x.id = j.id ORDER BY j.id FOR UPDATE OF j
)
UPDATE sync_jobs j SET imported = j.imported + x.imported, duplicates = j.duplicates + x.duplicates,
    failed = j.failed + x.failed, skipped = j.skipped + x.skipped, version = j.version + 1
FROM x JOIN locked USING (id) WHERE j.id = x.id
RETURNING j.*
"""

# Jobs that have found all and ended all; also those that had ended, and whose failed item was imported after all.
CLOSE = """
WITH x AS (
    SELECT id, CASE WHEN failed = 0 THEN 'completed' WHEN imported + duplicates + skipped > 0 THEN 'partial'
                    ELSE 'failed' END AS status
    FROM sync_jobs WHERE id = ANY($1::uuid[])
      AND discovery_ended_at IS NOT NULL AND open = 0 AND status <> 'cancelled'
    ORDER BY id FOR UPDATE
)
UPDATE sync_jobs j SET ended_at = coalesce(j.ended_at, now()), status = x.status, version = version + 1
FROM x WHERE j.id = x.id AND (j.ended_at IS NULL OR j.status <> x.status)
RETURNING j.*
"""

FIND_JOBS = """
SELECT j.* FROM sync_jobs j WHERE id = ANY($1::uuid[])
"""
