"""The library, the ledger, the work and the outbox.

`recordings` has no foreign key to users and banks: the recorder reads both in the transaction
that inserts, neither is ever deleted while it has recordings, and each check would cost a
tenth of the insert.
"""

from alembic import op

from pipeline_runtime.migrations.steps import TABLES, run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PEOPLE = """
CREATE TABLE plans (
    name            text PRIMARY KEY,
    monthly_imports integer CHECK (monthly_imports >= 0)  -- NULL: no limit
);
INSERT INTO plans VALUES ('free', 10), ('unlimited', NULL);

CREATE TABLE users (
    id               uuid PRIMARY KEY,
    email            text NOT NULL CHECK (email = lower(email) AND length(email) <= 320),
    password_hash    text,          -- NULL: signs in elsewhere
    external_subject text UNIQUE,   -- "<issuer>|<sub>" of an outside identity provider
    plan             text NOT NULL DEFAULT 'free' REFERENCES plans,
    created_at       timestamptz NOT NULL DEFAULT now()
);
-- An outside identity may carry an address that a local account has: they stay two users.
CREATE UNIQUE INDEX users_local_email ON users (email) WHERE external_subject IS NULL;

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('session', 'personal')),
    name         text NOT NULL CHECK (length(name) <= 200),
    token_hash   bytea NOT NULL UNIQUE,   -- SHA-256 of 32 random bytes
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at   timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

CREATE TABLE banks (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    personal_of uuid UNIQUE REFERENCES users,   -- NULL: shared
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE bank_memberships (
    bank_id uuid NOT NULL REFERENCES banks ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role    text NOT NULL DEFAULT 'owner' CHECK (role IN ('owner', 'member')),
    PRIMARY KEY (bank_id, user_id)
);
CREATE INDEX bank_memberships_user ON bank_memberships (user_id);
CREATE TABLE vaults (
    id          uuid PRIMARY KEY,
    bank_id     uuid NOT NULL REFERENCES banks ON DELETE CASCADE,
    name        text NOT NULL,
    personal_of uuid UNIQUE REFERENCES users,
    created_at  timestamptz NOT NULL DEFAULT now()
);
"""

LEDGER = """
CREATE TABLE sync_jobs (
    id                 uuid PRIMARY KEY,
    owner_user_id      uuid NOT NULL REFERENCES users,
    source_app         text NOT NULL CHECK (source_app ~ '^[a-z][a-z0-9_]{0,49}$'),
    account_id         uuid,
    trigger            text NOT NULL
                       CHECK (trigger IN ('upload', 'connect', 'manual', 'schedule', 'webhook', 'retry')),
    status             text NOT NULL DEFAULT 'queued'
                       CHECK (status IN ('queued', 'running', 'completed', 'partial', 'failed', 'cancelled')),
    found              integer NOT NULL DEFAULT 0 CHECK (found >= 0),
    imported           integer NOT NULL DEFAULT 0 CHECK (imported >= 0),
    duplicates         integer NOT NULL DEFAULT 0 CHECK (duplicates >= 0),
    failed             integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    skipped            integer NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    open               integer NOT NULL
                       GENERATED ALWAYS AS (found - imported - duplicates - failed - skipped) STORED,
    version            bigint NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    discovery_ended_at timestamptz,
    ended_at           timestamptz,
    CONSTRAINT the_books_balance CHECK (open >= 0)
);
CREATE INDEX sync_jobs_owner ON sync_jobs (owner_user_id, created_at DESC);
CREATE INDEX sync_jobs_unfinished ON sync_jobs (created_at) WHERE ended_at IS NULL;

CREATE TABLE sync_job_items (
    id              uuid PRIMARY KEY,
    job_id          uuid NOT NULL REFERENCES sync_jobs ON DELETE CASCADE,
    owner_user_id   uuid NOT NULL,
    source_app      text NOT NULL,
    account_id      uuid,
    external_id     text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 512),
    title           text NOT NULL,
    status          text NOT NULL
                    CHECK (status IN ('found', 'imported', 'duplicate', 'failed', 'skipped')),
    attempt         integer NOT NULL DEFAULT 1,
    code            text,
    message         text,
    retryable       boolean NOT NULL DEFAULT false,
    recording_id    uuid,
    ticket          jsonb,         -- the message that starts the work, to publish it again
    ticketed_at     timestamptz,   -- when it was last published; NULL: waits for another item of the same key
    first_failed_at timestamptz,
    retry_at        timestamptz,   -- when it reopens by itself
    revisit_at      timestamptz,   -- when a skipped item is worth another look
    created_at      timestamptz NOT NULL DEFAULT now(),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    CONSTRAINT one_item_per_job_and_call UNIQUE (job_id, external_id),
    CONSTRAINT an_ended_item_says_how CHECK (
        (status = 'found') = (ended_at IS NULL) AND (status NOT IN ('failed', 'skipped') OR code IS NOT NULL)
    )
);
CREATE INDEX sync_job_items_open ON sync_job_items (owner_user_id, source_app, external_id)
    WHERE status = 'found';
CREATE INDEX sync_job_items_failed ON sync_job_items (owner_user_id, source_app, external_id)
    WHERE status = 'failed';
CREATE INDEX sync_job_items_retry ON sync_job_items (retry_at) WHERE status = 'failed' AND retry_at IS NOT NULL;

CREATE TABLE import_usage (
    owner_user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    month         date NOT NULL CHECK (month = date_trunc('month', month)),   -- of UTC
    used          integer NOT NULL DEFAULT 0 CHECK (used >= 0),
    PRIMARY KEY (owner_user_id, month)
);
"""

WORK = """
CREATE TABLE tasks (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind          text NOT NULL,
    job_id        uuid NOT NULL,
    item_id       uuid NOT NULL REFERENCES sync_job_items ON DELETE CASCADE,
    part          integer NOT NULL DEFAULT 0,
    owner_user_id uuid NOT NULL,
    account_id    uuid,
    priority      smallint NOT NULL DEFAULT 0,   -- 0 live, 1 backfill
    attempt       integer NOT NULL,              -- the item's
    tries         integer NOT NULL DEFAULT 0,    -- of this attempt, so far
    payload       jsonb NOT NULL,
    not_before    timestamptz NOT NULL DEFAULT now(),
    lease_until   timestamptz,
    leased_by     uuid,
    sent_at       timestamptz,                   -- the result was confirmed by Kafka; the item has not ended yet
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_task_per_part UNIQUE (item_id, kind, part)
);
CREATE INDEX tasks_claimable ON tasks (kind, priority, not_before);

CREATE TABLE transcript_parts (
    item_id    uuid NOT NULL REFERENCES sync_job_items ON DELETE CASCADE,
    part       integer NOT NULL,
    start_s    double precision NOT NULL,
    end_s      double precision NOT NULL,
    result     jsonb NOT NULL,   -- what the engine answered, so that no part is transcribed twice
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, part)
);

CREATE TABLE uploads (
    id                 uuid PRIMARY KEY,
    owner_user_id      uuid NOT NULL REFERENCES users,
    job_id             uuid NOT NULL REFERENCES sync_jobs,
    object_key         text NOT NULL UNIQUE,
    sha256             text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size               bigint NOT NULL CHECK (size > 0),
    filename           text NOT NULL,
    content_type       text NOT NULL,
    client_modified_at timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_owner ON uploads (owner_user_id, sha256);
CREATE INDEX uploads_job ON uploads (job_id);

-- Debezium's column names, so that its router may take over from our relay; `service` says whose row it is.
CREATE TABLE outbox (
    id            uuid PRIMARY KEY,
    service       text NOT NULL,
    aggregatetype text NOT NULL,   -- the topic
    aggregateid   text NOT NULL,   -- the key
    type          text NOT NULL,   -- the CloudEvents type
    payload       text NOT NULL,
    headers       jsonb NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX outbox_due ON outbox (service, not_before);
"""

LIBRARY = """
CREATE TABLE recordings (
    id                   uuid PRIMARY KEY,
    bank_id              uuid NOT NULL,
    owner_user_id        uuid NOT NULL,
    title                text NOT NULL,
    full_transcript      text NOT NULL,
    source_app           text NOT NULL,
    external_id          text NOT NULL,
    source_metadata      jsonb NOT NULL,
    duration             double precision CHECK (duration >= 0),   -- seconds
    recording_start_time timestamptz NOT NULL,
    global_tags          text[] NOT NULL DEFAULT '{}',
    segments             jsonb,
    imported_by_item     uuid NOT NULL,
    created_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT each_call_once UNIQUE (owner_user_id, source_app, external_id),
    CONSTRAINT metadata_names_the_same_call  -- `=` would let pass what names none
        CHECK (source_metadata ->> 'external_id' IS NOT DISTINCT FROM external_id)
);

CREATE TABLE vault_entries (
    vault_id     uuid NOT NULL,
    recording_id uuid NOT NULL REFERENCES recordings ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT once_per_vault PRIMARY KEY (recording_id, vault_id)
);

-- pglz is the costliest part of storing a transcript; lz4 does it in a third of the time.
DO $$
BEGIN
    IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        ALTER TABLE recordings ALTER full_transcript SET COMPRESSION lz4;
        ALTER TABLE recordings ALTER segments SET COMPRESSION lz4;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (PEOPLE, LEDGER, WORK, LIBRARY):
        run(part)


def downgrade() -> None:
    """Drop them with all they hold."""
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
