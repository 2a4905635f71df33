"""Recordings in parts: a plan for each item that is transcribed, its parts with where their sound lies, the
door by which the gateway has gaps asked for again, and a version of each recording, which filled gaps raise.

A plan's row says that objects may lie under its owner and item; it outlives the item's row until they are gone.
"""

from alembic import op

from pipeline_runtime.migrations.steps import PART_TABLES, run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTS = """
DROP TABLE transcript_parts;

CREATE TABLE transcript_plans (
    item_id       uuid PRIMARY KEY,      -- without a foreign key: see above
    owner_user_id uuid NOT NULL,
    attempt       integer NOT NULL,      -- the item's, for which its unfinished parts were last asked for
    ticket        jsonb NOT NULL,        -- the AudioReceived that it began with
    seconds       double precision CHECK (seconds >= 0),   -- of the recording; NULL until it is cut
    version       integer NOT NULL DEFAULT 1,              -- of the transcript; asking for gaps again raises it
    taken_at      timestamptz NOT NULL DEFAULT now(),      -- when work on it, or on a part of it, last began
    has_strays    boolean NOT NULL DEFAULT true,           -- objects may lie there that no part names
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transcript_plans_owner ON transcript_plans (owner_user_id, taken_at);

CREATE TABLE transcript_parts (
    item_id    uuid NOT NULL REFERENCES transcript_plans ON DELETE CASCADE,
    part       integer NOT NULL,
    object_key text NOT NULL,
    sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),   -- of the part's sound
    spans      jsonb NOT NULL,               -- which stretches of the recording it holds, [[start, end], …] in seconds
    start_s    double precision NOT NULL,    -- of the first stretch
    seconds    double precision NOT NULL CHECK (seconds > 0),     -- of its sound
    speech_s   double precision NOT NULL,    -- how much of that is speech
    done_s     double precision NOT NULL DEFAULT 0,               -- how far an engine has come
    result     jsonb,                        -- what the engine heard: no part is asked for twice
    doubted    jsonb,                        -- what it heard first, in another language than the other parts
    language   text,                         -- in which it is asked for again
    code       text,                         -- why it is a gap
    message    text,
    retryable  boolean,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, part),
    CONSTRAINT heard_or_a_gap CHECK (result IS NULL OR code IS NULL)
);

ALTER TABLE recordings ADD version integer NOT NULL DEFAULT 1;
"""

# Ask again for what is missing in a recording. Answers nothing for a recording that is not there or somebody
# else's; else outcome is asked, underway (asked before, not answered yet), whole (nothing is missing) or gone (the sound
# is no longer kept), how many parts are asked for, and the version that the recording will have.
RETRY = """
CREATE FUNCTION retry_gaps(p_recording uuid)
RETURNS TABLE (outcome text, gaps integer, version integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_call recordings;
    v_plan transcript_plans;
    v_job  uuid;
BEGIN
    SELECT * INTO v_call FROM recordings r WHERE r.id = p_recording AND may_act_for(r.owner_user_id);
    IF v_call.id IS NULL THEN
        RETURN;
    END IF;
    version := v_call.version;
    gaps := 0;
    IF jsonb_typeof(v_call.source_metadata #> '{transcription,gaps}') IS DISTINCT FROM 'array' THEN
        outcome := 'whole';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO v_plan FROM transcript_plans p WHERE p.item_id = v_call.imported_by_item FOR UPDATE;
    SELECT i.job_id INTO v_job FROM sync_job_items i WHERE i.id = v_plan.item_id;
    IF v_plan.item_id IS NULL OR v_job IS NULL THEN
        outcome := 'gone';
        RETURN NEXT;
        RETURN;
    END IF;
    IF v_plan.version > v_call.version THEN
        outcome := 'underway';
        version := v_plan.version;
        SELECT count(*) INTO gaps FROM transcript_parts p WHERE p.item_id = v_plan.item_id AND p.result IS NULL;
        RETURN NEXT;
        RETURN;
    END IF;
    outcome := 'asked';
    version := v_plan.version + 1;
    WITH again AS (
        UPDATE transcript_parts p SET code = NULL, message = NULL, retryable = NULL, done_s = 0
        WHERE p.item_id = v_plan.item_id AND p.result IS NULL RETURNING p.part
    ), asked AS (
        INSERT INTO tasks (kind, job_id, item_id, part, owner_user_id, attempt, payload)
        SELECT 'transcribe_part', v_job, v_plan.item_id, a.part, v_plan.owner_user_id, v_plan.attempt, '{}' FROM again a
        ON CONFLICT ON CONSTRAINT one_task_per_part DO NOTHING
    )
    SELECT count(*) INTO gaps FROM again;
    UPDATE transcript_plans p SET version = v_plan.version + 1 WHERE p.item_id = v_plan.item_id;
    INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload)
    VALUES ('transcribe', v_job, v_plan.item_id, v_plan.owner_user_id, v_plan.attempt, v_plan.ticket)
    ON CONFLICT ON CONSTRAINT one_task_per_part DO UPDATE SET sent_at = NULL, not_before = now();
    PERFORM pg_notify('callvault_tasks', 'transcribe_part'), pg_notify('callvault_tasks', 'transcribe');
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION retry_gaps(uuid) FROM public;
"""

ACCESS = """
GRANT EXECUTE ON FUNCTION retry_gaps(uuid) TO callvault_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON transcript_plans, transcript_parts TO callvault_transcriber;
GRANT SELECT (ended_at, retryable) ON sync_job_items TO callvault_transcriber;
GRANT UPDATE (full_transcript, segments, source_metadata, version) ON recordings TO callvault_recorder;
ALTER POLICY p20_tasks ON tasks USING (kind IN ('transcribe', 'transcribe_part'))
    WITH CHECK (kind IN ('transcribe', 'transcribe_part'));
"""

DOWN = """
ALTER POLICY p20_tasks ON tasks USING (kind = 'transcribe') WITH CHECK (kind = 'transcribe');
DELETE FROM tasks WHERE kind = 'transcribe_part';
REVOKE UPDATE (full_transcript, segments, source_metadata, version) ON recordings FROM callvault_recorder;
REVOKE SELECT (ended_at, retryable) ON sync_job_items FROM callvault_transcriber;
DROP FUNCTION retry_gaps(uuid);
ALTER TABLE recordings DROP version;
DROP TABLE transcript_parts, transcript_plans;

CREATE TABLE transcript_parts (
    item_id    uuid NOT NULL REFERENCES sync_job_items ON DELETE CASCADE,
    part       integer NOT NULL,
    start_s    double precision NOT NULL,
    end_s      double precision NOT NULL,
    result     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, part)
);
GRANT SELECT, DELETE ON transcript_parts TO callvault_recorder;
GRANT SELECT, INSERT, DELETE ON transcript_parts TO callvault_transcriber;
ALTER TABLE transcript_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE transcript_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON transcript_parts TO callvault_owner USING (true) WITH CHECK (true);
CREATE POLICY p21_transcript_parts ON transcript_parts TO callvault_recorder, callvault_transcriber
    USING (true) WITH CHECK (true);
"""


def upgrade() -> None:
    """Make it. Parts of items that are open now are cut and asked for again."""
    for script in (PARTS, RETRY, ACCESS):
        run(script)
    for table in PART_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY parts ON {table} TO callvault_transcriber USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Take it back. Recordings keep what filled gaps have brought."""
    run(DOWN)
