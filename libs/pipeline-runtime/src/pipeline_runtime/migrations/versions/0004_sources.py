"""Sources: accounts, their credentials, webhooks and budgets, and the connectors' role.

`callvault_connector` holds the grants of every connector; each logs in as its own member,
`callvault_connector_<source>`, which `pipeline_runtime.migrate` makes, and sees its own source.
"""

from alembic import op

from pipeline_runtime.migrations.steps import SOURCE_TABLES, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'callvault_connector') THEN
        CREATE ROLE callvault_connector NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- roles are shared by all databases of a server
END $$;

-- The source of the connector that asks; NULL for everybody else.
CREATE FUNCTION connector_source() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT CASE WHEN session_user LIKE 'callvault\\_connector\\_%' THEN substr(session_user::text, 21) END $$;

-- The web role acts for the user set in its transaction, a connector for its source, the recorder for anybody.
CREATE FUNCTION may_act_for(p_owner uuid, p_source text) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT may_act_for(p_owner) OR coalesce(p_source = connector_source(), false) $$;
"""

SOURCES = """
CREATE TABLE import_sources (
    id                  uuid PRIMARY KEY,
    user_id             uuid NOT NULL REFERENCES users,
    source_app          text NOT NULL CHECK (source_app ~ '^[a-z][a-z0-9_]{0,49}$'),
    provider_account_id text NOT NULL CHECK (length(provider_account_id) BETWEEN 1 AND 512),
    match_keys          text[] NOT NULL DEFAULT '{}',   -- what the source's webhooks call the account
    email               text,
    is_active           boolean NOT NULL DEFAULT true,  -- status is active or error
    status              text NOT NULL DEFAULT 'active'
                        CHECK (status IN ('active', 'paused', 'error', 'disconnected')),
    reason              text,                           -- a code: why it is in error, or how the disconnection went
    generation          integer NOT NULL DEFAULT 0,     -- raised by each disconnection
    version             bigint NOT NULL DEFAULT 1,      -- raised by each change that SourceChanged tells
    cursor              jsonb,
    options             jsonb NOT NULL DEFAULT '{}',
    webhook_id          text,                           -- as the source calls our registration
    webhook_note        text,                           -- a code: why there is none
    last_sync_at        timestamptz,
    next_sync_at        timestamptz,
    synced_through      timestamptz,                    -- everything older has been listed; NULL: nothing yet
    checked_at          timestamptz,                    -- when the last days were last gone through whole
    created_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_card_per_account UNIQUE (user_id, source_app, provider_account_id)
);
CREATE INDEX import_sources_due ON import_sources (next_sync_at) WHERE status = 'active';
CREATE INDEX import_sources_keys ON import_sources USING gin (match_keys);

CREATE TABLE connect_attempts (
    id                   uuid PRIMARY KEY,
    user_id              uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    session_hash         bytea,          -- of the session that began it; NULL: an API token
    source_app           text NOT NULL CHECK (source_app ~ '^[a-z][a-z0-9_]{0,49}$'),
    method               text NOT NULL CHECK (method IN ('oauth2', 'api_key')),
    state_hash           bytea UNIQUE,   -- SHA-256 of 32 random bytes
    pkce_verifier_sealed bytea,          -- both sealed to the connectors' key
    secret_sealed        bytea,          -- the code, or the API key
    status               text NOT NULL DEFAULT 'started'
                         CHECK (status IN ('started', 'submitted', 'done', 'failed', 'expired')),
    reason               text,
    account_id           uuid REFERENCES import_sources ON DELETE SET NULL,
    redirect_uri         text,
    options              jsonb NOT NULL DEFAULT '{}',
    created_at           timestamptz NOT NULL DEFAULT now(),
    expires_at           timestamptz NOT NULL DEFAULT now() + interval '5 minutes',
    used_at              timestamptz,
    lease_until          timestamptz
);
CREATE INDEX connect_attempts_user ON connect_attempts (user_id, created_at DESC);
CREATE INDEX connect_attempts_open ON connect_attempts (source_app) WHERE status IN ('started', 'submitted');

CREATE TABLE source_credentials (
    account_id          uuid PRIMARY KEY REFERENCES import_sources ON DELETE CASCADE,
    source_app          text NOT NULL,
    secret              bytea NOT NULL,             -- encrypted with the connectors' keys
    number              bigint NOT NULL DEFAULT 1,  -- raised by each new secret
    generation          integer NOT NULL,           -- the account's, when it was connected
    refresh_lease_until timestamptz,
    refresh_leased_by   uuid,
    spent_at            timestamptz,                -- when the refresh token of this number was first sent
    closing_since       timestamptz,                -- the disconnection's first try
    close_at            timestamptz                 -- and its next one
);

CREATE TABLE webhook_secrets (
    id         uuid PRIMARY KEY,
    source_app text NOT NULL,
    account_id uuid REFERENCES import_sources ON DELETE CASCADE,  -- NULL: one for the whole source
    secret     bytea NOT NULL,                                     -- encrypted with the webhooks' keys
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_secrets_of ON webhook_secrets (source_app, account_id);

CREATE TABLE webhook_inbox (
    id          uuid PRIMARY KEY,
    source_app  text NOT NULL,
    account_id  uuid,                             -- named by the address, where each account has its own
    delivery_id text NOT NULL CHECK (length(delivery_id) <= 512),
    body        bytea,                            -- NULL: erased
    has_body    boolean NOT NULL GENERATED ALWAYS AS (body IS NOT NULL) STORED,  -- for whom may not read it
    headers     jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL DEFAULT now(),
    state       text NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'resolved', 'held', 'unknown')),
    CONSTRAINT each_delivery_once UNIQUE (source_app, delivery_id)
);
CREATE INDEX webhook_inbox_stored ON webhook_inbox (source_app, received_at) WHERE state = 'stored';
CREATE INDEX webhook_inbox_bodies ON webhook_inbox (received_at) WHERE has_body;
CREATE INDEX webhook_inbox_received ON webhook_inbox (received_at);
CREATE TABLE webhook_held (
    inbox_id   uuid NOT NULL REFERENCES webhook_inbox ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES import_sources ON DELETE CASCADE,
    asked_at   timestamptz,   -- when it was last asked for again
    PRIMARY KEY (inbox_id, account_id)
);
CREATE INDEX webhook_held_account ON webhook_held (account_id);

CREATE TABLE provider_budgets (
    source_app    text NOT NULL,
    scope         text NOT NULL,   -- an account's id, or app
    bucket        text NOT NULL,
    tokens        double precision NOT NULL,
    refilled_at   timestamptz NOT NULL DEFAULT now(),
    blocked_until timestamptz,     -- as the source has told us
    PRIMARY KEY (source_app, scope, bucket)
);
"""

LEDGER = """
ALTER TABLE sync_jobs
    ADD request             jsonb,        -- what was asked for: window_from, window_to, links, options
    ADD cursor              jsonb,        -- how far the listing has come, so that another replica goes on
    ADD cancel_requested_at timestamptz,
    ADD seen                integer NOT NULL DEFAULT 0 CHECK (seen >= 0),  -- found again, not counted as found
    ADD code                text,         -- why not everything could be listed
    ADD message             text,
    ADD ticketed_at         timestamptz;  -- when the listing was last asked for again
-- An account is listed once at a time. Not by ended_at: the items of an old job may be retried meanwhile.
CREATE UNIQUE INDEX one_sync_at_a_time ON sync_jobs (account_id)
    WHERE discovery_ended_at IS NULL AND trigger IN ('connect', 'manual', 'schedule');
CREATE INDEX sync_jobs_account ON sync_jobs (account_id, created_at DESC) WHERE account_id IS NOT NULL;
CREATE INDEX sync_jobs_cancelled ON sync_jobs (source_app)
    WHERE cancel_requested_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX sync_job_items_skipped ON sync_job_items (owner_user_id, source_app, external_id)
    WHERE status = 'skipped';
CREATE INDEX sync_job_items_revisit ON sync_job_items (revisit_at)
    WHERE status = 'skipped' AND revisit_at IS NOT NULL;
ALTER TABLE tasks ALTER item_id DROP NOT NULL;   -- NULL: the listing of a job
CREATE UNIQUE INDEX one_listing_per_job ON tasks (job_id, kind) WHERE item_id IS NULL;
CREATE INDEX tasks_account ON tasks (account_id) WHERE account_id IS NOT NULL;
"""

LEDGER_BACK = """
DELETE FROM tasks WHERE item_id IS NULL;
DROP INDEX tasks_account, one_listing_per_job, sync_job_items_revisit, sync_job_items_skipped, sync_jobs_cancelled,
    sync_jobs_account, one_sync_at_a_time;
ALTER TABLE tasks ALTER item_id SET NOT NULL;
ALTER TABLE sync_jobs DROP request, DROP cursor, DROP cancel_requested_at, DROP seen, DROP code, DROP message,
    DROP ticketed_at;
"""

GRANTS = """
GRANT USAGE ON SCHEMA public TO callvault_connector;
GRANT EXECUTE ON FUNCTION connector_source() TO callvault_connector;
GRANT EXECUTE ON FUNCTION admit(uuid, jsonb, boolean), reopen(uuid[]) TO callvault_connector;

GRANT SELECT ON import_sources TO callvault_web;
GRANT UPDATE (is_active, status, reason, generation, version, options, next_sync_at) ON import_sources TO callvault_web;
GRANT SELECT (id, user_id, source_app, email, is_active, status, reason, version, options, last_sync_at, next_sync_at,
    checked_at, created_at) ON import_sources TO callvault_intake;
GRANT UPDATE (next_sync_at, checked_at) ON import_sources TO callvault_intake;
GRANT SELECT, INSERT, UPDATE ON import_sources TO callvault_connector;

GRANT SELECT (id, user_id, session_hash, source_app, method, state_hash, status, reason, account_id, redirect_uri,
    options, created_at, expires_at, used_at) ON connect_attempts TO callvault_web;
GRANT INSERT (id, user_id, session_hash, source_app, method, state_hash, pkce_verifier_sealed, secret_sealed, status,
    redirect_uri, options) ON connect_attempts TO callvault_web;
GRANT UPDATE (status, reason, secret_sealed) ON connect_attempts TO callvault_web;
GRANT SELECT (id, user_id, session_hash, source_app, method, state_hash, status, created_at, expires_at)
    ON connect_attempts TO callvault_intake;
GRANT DELETE ON connect_attempts TO callvault_intake;
GRANT UPDATE (status, reason, secret_sealed, pkce_verifier_sealed) ON connect_attempts TO callvault_intake;
GRANT SELECT, UPDATE ON connect_attempts TO callvault_connector;

GRANT SELECT, INSERT, UPDATE, DELETE ON source_credentials TO callvault_connector;

GRANT SELECT (source_app, account_id, secret, created_at) ON webhook_secrets TO callvault_intake;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_secrets TO callvault_connector;

GRANT SELECT (id, source_app, account_id, delivery_id, has_body, received_at, state), INSERT, DELETE
    ON webhook_inbox TO callvault_intake;
GRANT UPDATE (body) ON webhook_inbox TO callvault_intake;
GRANT SELECT, UPDATE ON webhook_inbox TO callvault_connector;
GRANT SELECT ON webhook_held TO callvault_web, callvault_intake;
GRANT UPDATE (asked_at) ON webhook_held TO callvault_intake;
GRANT SELECT, INSERT, DELETE ON webhook_held TO callvault_connector;

GRANT SELECT, INSERT, UPDATE, DELETE ON provider_budgets TO callvault_connector;

GRANT INSERT (request) ON sync_jobs TO callvault_web;
GRANT UPDATE (cancel_requested_at) ON sync_jobs TO callvault_web;
GRANT SELECT (id, owner_user_id, source_app, account_id, trigger, status, request, created_at, discovery_ended_at,
    ended_at, cancel_requested_at) ON sync_jobs TO callvault_intake;
GRANT INSERT (id, owner_user_id, source_app, account_id, trigger, request) ON sync_jobs TO callvault_intake;
GRANT SELECT ON sync_jobs TO callvault_connector;
GRANT INSERT (id, owner_user_id, source_app, account_id, trigger, request) ON sync_jobs TO callvault_connector;
GRANT UPDATE (cursor, code, message, discovery_ended_at, started_at, status, version) ON sync_jobs TO callvault_connector;

GRANT SELECT (id, job_id, owner_user_id, source_app, account_id, status, code, ticket, ended_at, revisit_at)
    ON sync_job_items TO callvault_intake;
GRANT UPDATE (revisit_at) ON sync_job_items TO callvault_intake;
GRANT SELECT ON sync_job_items TO callvault_connector;
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO callvault_connector;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO callvault_connector;
"""

MINE = "user_id = (SELECT current_user_id())"
OWN = "source_app = (SELECT connector_source())"
POLICIES = (
    ("import_sources", "callvault_web", MINE),
    ("import_sources", "callvault_intake", "true"),
    ("import_sources", "callvault_connector", OWN),
    ("connect_attempts", "callvault_web", MINE),
    ("connect_attempts", "callvault_intake", "true"),
    ("connect_attempts", "callvault_connector", OWN),
    ("source_credentials", "callvault_connector", OWN),
    ("webhook_secrets", "callvault_intake", "true"),
    ("webhook_secrets", "callvault_connector", OWN),
    ("webhook_inbox", "callvault_intake", "true"),
    ("webhook_inbox", "callvault_connector", OWN),
    ("webhook_held", "callvault_web", f"account_id IN (SELECT id FROM import_sources WHERE {MINE})"),
    ("webhook_held", "callvault_intake", "true"),
    ("webhook_held", "callvault_connector", f"account_id IN (SELECT id FROM import_sources WHERE {OWN})"),
    ("provider_budgets", "callvault_connector", OWN),
    ("sync_jobs", "callvault_intake", "source_app <> 'file_upload'"),
    ("sync_jobs", "callvault_connector", OWN),
    ("sync_job_items", "callvault_intake", "source_app <> 'file_upload'"),
    ("sync_job_items", "callvault_connector", OWN),
    ("tasks", "callvault_connector",
     "kind IN ('discover:' || (SELECT connector_source()), 'fetch:' || (SELECT connector_source()))"),
    ("outbox", "callvault_connector", "service = (SELECT replace(connector_source(), '_', '-')) || '-connector'"),
)  # fmt: skip

# What `admit` and `reopen` learn: as they were written, and as they are from now on.
CHANGES = {
    "admit(uuid, jsonb, boolean)": (
        ("may_act_for(v_job.owner_user_id)", "may_act_for(v_job.owner_user_id, v_job.source_app)"),
        (
            "AND i.external_id = w.key AND i.status IN ('found', 'failed')\n",
            "AND i.external_id = w.key AND (i.status IN ('found', 'failed')\n"
            "                          OR i.status = 'skipped' AND i.code <> 'cancelled')\n",
        ),
        (
            "            failed = failed + (SELECT count(*) FROM entered WHERE status = 'failed'),\n",
            "            failed = failed + (SELECT count(*) FROM entered WHERE status = 'failed'),\n"
            "            seen = seen + (SELECT count(*) FROM decided WHERE verdict = 'seen'),\n",
        ),
    ),
    "reopen(uuid[])": (
        ("may_act_for(i.owner_user_id)", "may_act_for(i.owner_user_id, i.source_app)"),
        (
            "status = 'running', ended_at = NULL, version",
            "status = 'running', ended_at = NULL, cancel_requested_at = NULL, version",
        ),
    ),
}

REWRITE = """
DO $rewrite$
DECLARE
    v_text text := pg_get_functiondef('{function}'::regprocedure);
BEGIN
    IF position({old} IN v_text) = 0 THEN
        RAISE EXCEPTION '{function} is not as this step knows it';
    END IF;
    EXECUTE replace(v_text, {old}, {new});
END $rewrite$;
"""


def upgrade() -> None:
    """Make the role, the tables, what it may do with them, and teach the ledger's doors about connectors."""
    for part in (ROLE, SOURCES, LEDGER):
        run(part)
    for function, changes in CHANGES.items():
        for old, new in changes:
            run(REWRITE.format(function=function, old=f"$old${old}$old$", new=f"$new${new}$new$"))
    op.execute("REVOKE ALL ON FUNCTION connector_source(), may_act_for(uuid, text) FROM public")
    run(GRANTS)
    for table in SOURCE_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")
    for number, (table, roles, rule) in enumerate(POLICIES):
        op.execute(f"CREATE POLICY s{number}_{table} ON {table} TO {roles} USING ({rule}) WITH CHECK ({rule})")


INTAKE_BACK = """
REVOKE ALL ON sync_jobs, sync_job_items FROM callvault_intake;
REVOKE INSERT (request), UPDATE (cancel_requested_at) ON sync_jobs FROM callvault_web;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM callvault_connector;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM callvault_connector;
REVOKE USAGE ON SCHEMA public FROM callvault_connector;
"""


def downgrade() -> None:
    """Take it all back; the role stays, as other databases of the server may use it."""
    for number, (table, _, _) in enumerate(POLICIES):
        op.execute(f"DROP POLICY s{number}_{table} ON {table}")
    run(INTAKE_BACK)
    for function, changes in CHANGES.items():
        for old, new in changes:
            run(REWRITE.format(function=function, old=f"$old${new}$old$", new=f"$new${old}$new$"))
    for table in SOURCE_TABLES:
        op.execute(f"DROP TABLE {table}")
    run(LEDGER_BACK)
    for function in ("may_act_for(uuid, text)", "connector_source()"):
        op.execute(f"DROP FUNCTION {function}")
