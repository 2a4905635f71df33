"""What the page needs: searching calls, dismissing failures, switching a source off.

The words of calls stand in a table of their own, which is filled after the insert and not by it: to
make them of a transcript costs several times what storing it does. No role but the owner sees that
table. The web role asks it through `find_calls`, since row-level security would keep it from the
index (`@@` is not leakproof); the gateway's intake role has it filled through `index_calls` and
reads no transcript.
"""

from alembic import op

from pipeline_runtime.migrations.steps import PAGE_TABLES, run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE sync_job_items ADD dismissed_at timestamptz;  -- by the user, who wants to see this failure no more
CREATE INDEX sync_job_items_duplicates ON sync_job_items (recording_id) WHERE status = 'duplicate';

-- Of sources without accounts, which have a switch of their own. No row: switched on.
CREATE TABLE source_switches (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    source_app text NOT NULL CHECK (source_app ~ '^[a-z][a-z0-9_]{0,49}$'),
    is_active  boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_switch_per_source PRIMARY KEY (user_id, source_app)
);

CREATE TABLE recording_search (
    recording_id uuid PRIMARY KEY REFERENCES recordings ON DELETE CASCADE,
    words        tsvector NOT NULL   -- of title and transcript, without places; and `@` with the owner's id
);
CREATE INDEX recording_search_words ON recording_search USING gin (words);
"""

FUNCTIONS = """
-- Letters and digits alone, so that addresses, hyphens and paths are words like others.
CREATE FUNCTION words_of(p_text text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT strip(to_tsvector('simple', regexp_replace(p_text, '[^[:alnum:]]+', ' ', 'g'))) $$;

CREATE FUNCTION owner_word(p_owner uuid) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_to_tsvector(ARRAY['@' || p_owner]) $$;

CREATE FUNCTION call_words(p_owner uuid, p_title text, p_transcript text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN words_of(p_title || ' ' || p_transcript) || owner_word(p_owner);
EXCEPTION WHEN program_limit_exceeded THEN  -- more than 1 MB of different words: those it begins with
    RETURN words_of(p_title || ' ' || left(p_transcript, 150000)) || owner_word(p_owner);
END $$;

-- Each word of what was typed, as the beginning of one of the call's; NULL where there is none.
CREATE FUNCTION call_query(p_text text) RETURNS tsquery LANGUAGE sql STABLE AS $$
SELECT (quote_literal('@' || current_user_id()) || ' & '
        || string_agg(quote_literal(word) || CASE WHEN length(word) > 1 THEN ':*' ELSE '' END, ' & '))::tsquery
FROM unnest(tsvector_to_array(words_of(p_text))) AS word
$$;

-- The calls of the user set in the transaction that have all words of a text. Those that are newer than
-- what has been indexed are found by their titles.
CREATE FUNCTION find_calls(p_text text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT s.recording_id FROM recording_search s WHERE s.words @@ (SELECT call_query(p_text))
UNION ALL
SELECT r.id FROM recordings r
WHERE r.id > coalesce((SELECT s.recording_id FROM recording_search s ORDER BY s.recording_id DESC LIMIT 1),
                      '00000000-0000-0000-0000-000000000000')
  AND r.owner_user_id = (SELECT current_user_id())
  AND words_of(r.title) || owner_word(r.owner_user_id) @@ (SELECT call_query(p_text))
$$;

-- Make the words of some calls after p_after that have none yet, in the order of their ids. Answers how
-- many and up to which. A call that is being changed is left for later; what changes it waits for us.
CREATE FUNCTION index_calls(p_after uuid, p_limit integer, OUT made integer, OUT reached uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    made := 0;
    IF NOT pg_try_advisory_xact_lock(x'576f7264'::integer) THEN  -- one at a time
        RETURN;
    END IF;
    WITH missing AS MATERIALIZED (
        SELECT r.id, r.owner_user_id, r.title, r.full_transcript FROM recordings r
        WHERE r.id > p_after AND NOT EXISTS (SELECT FROM recording_search s WHERE s.recording_id = r.id)
        ORDER BY r.id LIMIT p_limit FOR SHARE OF r SKIP LOCKED
    ), written AS (
        INSERT INTO recording_search (recording_id, words)
        SELECT id, call_words(owner_user_id, title, full_transcript) FROM missing
        RETURNING recording_id
    )
    SELECT count(*), (SELECT w.recording_id FROM written w ORDER BY 1 DESC LIMIT 1) INTO made, reached FROM written;
END $$;

CREATE FUNCTION follow_call() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE recording_search SET words = call_words(NEW.owner_user_id, NEW.title, NEW.full_transcript)
    WHERE recording_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER recordings_search AFTER UPDATE OF title, full_transcript ON recordings
    FOR EACH ROW EXECUTE FUNCTION follow_call();
"""

GRANTS = """
REVOKE ALL ON FUNCTION words_of(text), owner_word(uuid), call_words(uuid, text, text), call_query(text),
    find_calls(text), index_calls(uuid, integer), follow_call() FROM public;
GRANT EXECUTE ON FUNCTION find_calls(text) TO callvault_web;
GRANT EXECUTE ON FUNCTION index_calls(uuid, integer) TO callvault_intake;
GRANT UPDATE (dismissed_at, retry_at) ON sync_job_items TO callvault_web;
GRANT SELECT, INSERT, UPDATE ON source_switches TO callvault_web;
CREATE POLICY switches ON source_switches TO callvault_web
    USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
"""

DOWN = """
DROP TRIGGER recordings_search ON recordings;
DROP FUNCTION follow_call(), index_calls(uuid, integer), find_calls(text), call_query(text),
    call_words(uuid, text, text), owner_word(uuid), words_of(text);
DROP TABLE recording_search, source_switches;
REVOKE UPDATE (dismissed_at, retry_at) ON sync_job_items FROM callvault_web;
DROP INDEX sync_job_items_duplicates;
ALTER TABLE sync_job_items DROP dismissed_at;
"""


def upgrade() -> None:
    """Make it; for the owner alone but where a grant says otherwise."""
    for part in (TABLES, FUNCTIONS, GRANTS):
        run(part)
    for table in PAGE_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Take it all back."""
    run(DOWN)
