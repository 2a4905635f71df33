"""What makes and reopens items: `admit` and `reopen`, the ledger's two doors.

Both run as the tables' owner, check by themselves who asks, and take locks in the order that
holds everywhere: usage by owner, recordings by key, items by id, jobs by id.
"""

from alembic import op

from pipeline_runtime.migrations.steps import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHO_ASKS = """
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('callvault.user_id', true), '')::uuid $$;

-- The web role acts for the user set in its transaction; the recorder for anybody.
CREATE FUNCTION may_act_for(p_owner uuid) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT CASE session_user WHEN 'callvault_web' THEN p_owner IS NOT DISTINCT FROM current_user_id()
                            ELSE session_user IN ('callvault_recorder', 'callvault_owner') END $$;

CREATE FUNCTION this_month() RETURNS date LANGUAGE sql STABLE AS
$$ SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date $$;

-- How many more calls this owner may open: NULL without a limit. Takes the owner's usage lock,
-- under which admissions and imports of one owner come one after the other.
CREATE FUNCTION lock_quota(p_owner uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_limit integer;
    v_used  integer;
    v_open  integer;
BEGIN
    INSERT INTO import_usage (owner_user_id, month) VALUES (p_owner, this_month()) ON CONFLICT DO NOTHING;
    SELECT used INTO v_used FROM import_usage
        WHERE owner_user_id = p_owner AND month = this_month() FOR UPDATE;
    SELECT p.monthly_imports INTO v_limit FROM users u JOIN plans p ON p.name = u.plan WHERE u.id = p_owner;
    IF v_limit IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(DISTINCT (source_app, external_id)) INTO v_open FROM sync_job_items
        WHERE owner_user_id = p_owner AND status = 'found';
    RETURN greatest(0, v_limit - v_used - v_open);
END $$;
"""

ADMIT = """
-- Enter what a job has found into the books. Each element of p_items has external_id, title and,
-- as far as they apply, id, ticket, started_at (newest first when the month gets full) and
-- behind_cursor (seen before: a recording, an open or a failed item of this account makes no new one).
-- Answers a row for each external id: outcome is found, joined (another open item of this owner
-- does the same work), duplicate, quota_exceeded, seen (re-sighted: not entered) or known (this job has it).
CREATE FUNCTION admit(p_job uuid, p_items jsonb, p_last boolean DEFAULT false)
RETURNS TABLE (external_id text, outcome text, item_id uuid, recording_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_job  sync_jobs;
    v_room integer;
    v_keys text[];
BEGIN
    SELECT * INTO v_job FROM sync_jobs j WHERE j.id = p_job;
    IF v_job.id IS NULL OR NOT may_act_for(v_job.owner_user_id) THEN
        RAISE EXCEPTION 'no such job' USING ERRCODE = 'no_data_found';
    END IF;
    SELECT coalesce(array_agg(DISTINCT e ->> 'external_id'), '{}') INTO v_keys FROM jsonb_array_elements(p_items) e;
    v_room := lock_quota(v_job.owner_user_id);
    -- Whoever ends the item that others wait for ends it before us (then its recording is seen below) or
    -- after us (then it sees what is entered here). Only that one is locked: whoever ends it takes those
    -- that wait afterwards, and would meet us in a deadlock if we held one of them.
    PERFORM 1 FROM sync_job_items i
        WHERE i.owner_user_id = v_job.owner_user_id AND i.source_app = v_job.source_app
          AND i.external_id = ANY (v_keys) AND i.status = 'found' AND i.ticketed_at IS NOT NULL
        ORDER BY i.id FOR UPDATE;

    RETURN QUERY
    WITH wanted AS (
        SELECT DISTINCT ON (e ->> 'external_id') e ->> 'external_id' AS key, e AS item
        FROM jsonb_array_elements(p_items) WITH ORDINALITY AS x (e, n)
        ORDER BY e ->> 'external_id', n
    ), seen AS (
        SELECT w.key, w.item,
            known.id AS known_id, r.id AS recording_id, twin.id IS NOT NULL AS joined,
            coalesce((w.item ->> 'behind_cursor')::boolean, false)
                AND (r.id IS NOT NULL OR EXISTS (
                    SELECT FROM sync_job_items i
                    WHERE i.owner_user_id = v_job.owner_user_id AND i.source_app = v_job.source_app
                      AND i.external_id = w.key AND i.status IN ('found', 'failed')
                      AND i.account_id IS NOT DISTINCT FROM v_job.account_id)) AS resighted
        FROM wanted w
        LEFT JOIN sync_job_items known ON known.job_id = p_job AND known.external_id = w.key
        LEFT JOIN recordings r ON r.owner_user_id = v_job.owner_user_id
            AND r.source_app = v_job.source_app AND r.external_id = w.key
        LEFT JOIN LATERAL (
            SELECT i.id FROM sync_job_items i
            WHERE i.owner_user_id = v_job.owner_user_id AND i.source_app = v_job.source_app
              AND i.external_id = w.key AND i.status = 'found' LIMIT 1) twin ON true
    ), judged AS (
        SELECT s.*, CASE
            WHEN known_id IS NOT NULL THEN 'known'
            WHEN resighted THEN 'seen'
            WHEN recording_id IS NOT NULL THEN 'duplicate'
            WHEN joined THEN 'joined'
            ELSE 'new' END AS verdict
        FROM seen s
    ), ranked AS (
        SELECT j.*, row_number() OVER (
            PARTITION BY verdict ORDER BY (item ->> 'started_at')::timestamptz DESC NULLS LAST, key) AS place
        FROM judged j
    ), decided AS (
        SELECT key, item, recording_id,
            coalesce(known_id, (item ->> 'id')::uuid, gen_random_uuid()) AS id,
            CASE WHEN verdict <> 'new' THEN verdict
                 WHEN v_room IS NULL OR place <= v_room THEN 'found'
                 ELSE 'quota_exceeded' END AS verdict
        FROM ranked
    ), entered AS (
        INSERT INTO sync_job_items AS i (id, job_id, owner_user_id, source_app, account_id, external_id, title,
            status, code, message, retryable, recording_id, ticket, ticketed_at, first_failed_at, ended_at)
        SELECT d.id, p_job, v_job.owner_user_id, v_job.source_app, v_job.account_id, d.key,
            coalesce(nullif(d.item ->> 'title', ''), d.key),
            CASE d.verdict WHEN 'duplicate' THEN 'duplicate' WHEN 'quota_exceeded' THEN 'failed' ELSE 'found' END,
            CASE d.verdict WHEN 'quota_exceeded' THEN 'quota_exceeded' END,
            CASE d.verdict WHEN 'quota_exceeded' THEN quota_sentence() END, d.verdict = 'quota_exceeded',
            d.recording_id, nullif(d.item -> 'ticket', 'null'::jsonb),
            CASE d.verdict WHEN 'found' THEN now() END,
            CASE d.verdict WHEN 'quota_exceeded' THEN now() END,
            CASE WHEN d.verdict IN ('duplicate', 'quota_exceeded') THEN now() END
        FROM decided d WHERE d.verdict NOT IN ('known', 'seen')
        ORDER BY d.id
        RETURNING i.id, i.status
    ), counted AS (
        UPDATE sync_jobs j SET
            found = found + (SELECT count(*) FROM entered),
            duplicates = duplicates + (SELECT count(*) FROM entered WHERE status = 'duplicate'),
            failed = failed + (SELECT count(*) FROM entered WHERE status = 'failed'),
            status = CASE WHEN j.status = 'queued' THEN 'running' ELSE j.status END,
            started_at = coalesce(started_at, now()),
            discovery_ended_at = CASE WHEN p_last THEN coalesce(discovery_ended_at, now()) ELSE discovery_ended_at END,
            version = version + 1
        WHERE j.id = p_job
    )
    SELECT d.key, d.verdict, d.id, d.recording_id FROM decided d ORDER BY d.key;
END $$;

CREATE FUNCTION quota_sentence() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT 'This month''s imports are used up. They are free again on '
       || to_char(this_month() + interval '1 month', 'FMDD FMMonth') || '; retry then, or change the plan.' $$;
"""

REOPEN = """
-- Open failed items again, each in its own job with the next attempt. Answers a row for each item that
-- was failed: outcome is found (publish its ticket), joined, duplicate (it is in the library by now)
-- or quota_exceeded (left as it was).
CREATE FUNCTION reopen(p_items uuid[])
RETURNS TABLE (item_id uuid, job_id uuid, owner_user_id uuid, attempt integer, outcome text, ticket jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_item  sync_job_items;
    v_owner uuid;
    v_room  integer;
    v_what  text;
    v_call  uuid;
    v_jobs       uuid[] := '{}';
    v_duplicates boolean[] := '{}';
BEGIN
    FOR v_owner IN SELECT DISTINCT i.owner_user_id FROM sync_job_items i
                   WHERE i.id = ANY (p_items) AND may_act_for(i.owner_user_id) ORDER BY 1 LOOP
        PERFORM lock_quota(v_owner);
    END LOOP;
    FOR v_item IN SELECT * FROM sync_job_items i
                  WHERE i.id = ANY (p_items) AND i.status = 'failed' AND may_act_for(i.owner_user_id)
                  ORDER BY i.id FOR UPDATE LOOP
        v_call := NULL;
        SELECT r.id INTO v_call FROM recordings r WHERE r.owner_user_id = v_item.owner_user_id
            AND r.source_app = v_item.source_app AND r.external_id = v_item.external_id;
        v_room := lock_quota(v_item.owner_user_id);
        v_what := CASE
            WHEN v_call IS NOT NULL THEN 'duplicate'
            WHEN EXISTS (SELECT FROM sync_job_items i WHERE i.owner_user_id = v_item.owner_user_id
                AND i.source_app = v_item.source_app AND i.external_id = v_item.external_id
                AND i.status = 'found') THEN 'joined'
            WHEN v_room = 0 THEN 'quota_exceeded'
            ELSE 'found' END;
        IF v_what <> 'quota_exceeded' THEN
            UPDATE sync_job_items i SET
                status = CASE v_what WHEN 'duplicate' THEN 'duplicate' ELSE 'found' END,
                attempt = i.attempt + 1, code = NULL, message = NULL, retryable = false, retry_at = NULL,
                recording_id = v_call, opened_at = now(),
                ticketed_at = CASE v_what WHEN 'found' THEN now() END,
                ended_at = CASE v_what WHEN 'duplicate' THEN now() END
            WHERE i.id = v_item.id;
        END IF;
        item_id := v_item.id; job_id := v_item.job_id; owner_user_id := v_item.owner_user_id;
        attempt := v_item.attempt + 1; outcome := v_what; ticket := v_item.ticket;
        RETURN NEXT;
        IF v_what <> 'quota_exceeded' THEN
            v_jobs := v_jobs || v_item.job_id;
            v_duplicates := v_duplicates || (v_what = 'duplicate');
        END IF;
    END LOOP;
    PERFORM 1 FROM sync_jobs j WHERE j.id = ANY (v_jobs) ORDER BY j.id FOR UPDATE;  -- an UPDATE keeps no order
    UPDATE sync_jobs j SET
        failed = j.failed - c.reopened, duplicates = j.duplicates + c.duplicates,
        status = 'running', ended_at = NULL, version = version + 1
    FROM (SELECT x.job, count(*) AS reopened, count(*) FILTER (WHERE x.duplicate) AS duplicates
          FROM unnest(v_jobs, v_duplicates) AS x (job, duplicate) GROUP BY 1) c
    WHERE j.id = c.job;
END $$;
"""


def upgrade() -> None:
    """Make the functions; nobody may call them until a role is granted it."""
    for part in (WHO_ASKS, ADMIT, REOPEN):
        run(part)
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM public")


def downgrade() -> None:
    """Drop them."""
    for function in (
        "reopen(uuid[])", "admit(uuid, jsonb, boolean)", "quota_sentence()", "lock_quota(uuid)",
        "this_month()", "may_act_for(uuid)", "current_user_id()",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
