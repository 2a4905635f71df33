"""Resumable uploads: a row for each while its bytes come in and are looked at, and what may become of audio.

The gateway's web role owns an upload's row in the name of its user, and enters the task that looks at
the bytes once all are there; its intake role works those tasks and sweeps what has expired. It asks
`spent_audio` which objects nobody needs any more, and learns nothing else of the library.
"""

from alembic import op

from pipeline_runtime.migrations.steps import UPLOAD_TABLES, run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE incoming_uploads (
    id             uuid PRIMARY KEY,
    owner_user_id  uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    size           bigint NOT NULL CHECK (size > 0),
    received       bigint NOT NULL DEFAULT 0,           -- bytes that are on the disk for good
    filename       text NOT NULL,
    metadata       text NOT NULL DEFAULT '',            -- Upload-Metadata as the client sent it
    claimed_sha256 text CHECK (claimed_sha256 ~ '^[0-9a-f]{64}$'),
    state          text NOT NULL DEFAULT 'receiving'
                   CHECK (state IN ('receiving', 'checking', 'done', 'refused')),
    job_id         uuid REFERENCES sync_jobs,
    outcome        text CHECK (outcome IN ('found', 'joined', 'duplicate', 'quota_exceeded')),
    code           text,                                -- why it was refused
    message        text,
    leased_by      uuid,                                -- the request that writes
    lease_until    timestamptz,
    wanted_at      timestamptz,                         -- when another request asked that one to stop
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    CONSTRAINT no_more_than_announced CHECK (received BETWEEN 0 AND size),
    CONSTRAINT a_whole_upload_has_a_job CHECK (state IN ('receiving', 'refused') OR job_id IS NOT NULL),
    CONSTRAINT a_refused_upload_says_why CHECK ((state = 'refused') = (code IS NOT NULL)),
    CONSTRAINT a_done_upload_says_how CHECK ((state = 'done') = (outcome IS NOT NULL))
);
CREATE INDEX incoming_uploads_owner ON incoming_uploads (owner_user_id, claimed_sha256);
CREATE INDEX incoming_uploads_expired ON incoming_uploads (expires_at);
"""

# An object's key is its owner and either its upload (files) or its item and attempt (what connectors fetched).
SPENT = """
-- Those of the objects that nobody needs: without a row, or whose item ended so long ago. p_keep is how long
-- the audio of an imported call is kept (NULL: for ever), p_wait for how long that of a failed one, which may
-- be retried, and of a recording with gaps, which may be filled.
CREATE FUNCTION spent_audio(p_keys text[], p_keep interval, p_wait interval)
RETURNS TABLE (object_key text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH named AS (
        SELECT k.key, split_part(k.key, '/', 2) AS name FROM unnest(p_keys) AS k (key)
    ), known AS (
        SELECT n.key, i.id AS item, i.status, i.ended_at, i.recording_id, u.id AS upload
        FROM named n LEFT JOIN uploads u ON u.object_key = n.key
        LEFT JOIN LATERAL (
            SELECT id, status, ended_at, recording_id FROM sync_job_items WHERE job_id = u.job_id
            UNION ALL
            SELECT id, status, ended_at, recording_id FROM sync_job_items
            WHERE id = CASE WHEN n.name LIKE '%.%' THEN split_part(n.name, '.', 1)::uuid END
        ) i ON true
    ), judged AS (
        SELECT k.key, CASE
            WHEN k.item IS NULL AND k.upload IS NULL THEN 'orphan'
            WHEN k.status IN ('failed', 'skipped') AND k.ended_at < now() - p_wait THEN k.status
            WHEN k.status IN ('imported', 'duplicate') AND k.ended_at < now() - p_keep
                AND (k.ended_at < now() - p_wait OR NOT coalesce((
                    SELECT jsonb_array_length(r.source_metadata #> '{transcription,gaps}') > 0 FROM recordings r
                    WHERE r.id = k.recording_id
                        AND jsonb_typeof(r.source_metadata #> '{transcription,gaps}') = 'array'), false))
                THEN k.status
            END AS reason
        FROM known k
    )
    SELECT key, min(reason) FROM judged GROUP BY key HAVING bool_and(reason IS NOT NULL)
$$;
REVOKE ALL ON FUNCTION spent_audio(text[], interval, interval) FROM public;
"""

GRANTS = """
GRANT SELECT, INSERT (id, owner_user_id, size, filename, metadata, claimed_sha256, expires_at), DELETE
    ON incoming_uploads TO callvault_web;
GRANT UPDATE (received, state, job_id, outcome, code, message, leased_by, lease_until, wanted_at, expires_at)
    ON incoming_uploads TO callvault_web;
GRANT SELECT (id, state, expires_at, lease_until), DELETE ON incoming_uploads TO callvault_intake;

GRANT INSERT (kind, job_id, owner_user_id, attempt, payload) ON tasks TO callvault_web;
GRANT SELECT, DELETE ON tasks TO callvault_intake;
GRANT UPDATE (tries, not_before, lease_until, leased_by, sent_at) ON tasks TO callvault_intake;

GRANT UPDATE (code, message, discovery_ended_at, started_at, version) ON sync_jobs TO callvault_web;
GRANT EXECUTE ON FUNCTION spent_audio(text[], interval, interval) TO callvault_intake;
"""

GRANTS_BACK = """
REVOKE UPDATE (code, message, discovery_ended_at, started_at, version) ON sync_jobs FROM callvault_web;
REVOKE ALL ON tasks FROM callvault_web, callvault_intake;
"""

MINE = "owner_user_id = (SELECT current_user_id())"
POLICIES = (
    ("incoming_uploads", "callvault_web", MINE),
    ("incoming_uploads", "callvault_intake", "true"),
    ("tasks", "callvault_web", f"kind = 'check_upload' AND {MINE}"),
    ("tasks", "callvault_intake", "kind = 'check_upload'"),
)


def upgrade() -> None:
    """Make the table and the function, and say who may do what."""
    for part in (TABLE, SPENT, GRANTS):
        run(part)
    for table in UPLOAD_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")
    for number, (table, roles, rule) in enumerate(POLICIES):
        op.execute(f"CREATE POLICY u{number}_{table} ON {table} TO {roles} USING ({rule}) WITH CHECK ({rule})")


def downgrade() -> None:
    """Take it back."""
    for number, (table, _, _) in enumerate(POLICIES):
        op.execute(f"DROP POLICY u{number}_{table} ON {table}")
    run("DELETE FROM tasks WHERE kind = 'check_upload';")
    run(GRANTS_BACK)
    op.execute("DROP FUNCTION spent_audio(text[], interval, interval)")
    for table in UPLOAD_TABLES:
        op.execute(f"DROP TABLE {table}")
