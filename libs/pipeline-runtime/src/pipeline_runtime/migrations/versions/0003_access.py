"""Who may do what: grants and row-level security, forced on the owner too.

Each service has a role of its own. `callvault_web` sees the rows of the user set in the
transaction (`callvault.user_id`) and nothing when none is set. `callvault_intake` is the
gateway before it knows whose request it is: sign-in, sweeping, its outbox; it reads no
recording. `callvault_recorder` sees all. `callvault_transcriber` has its own tasks and the
few columns that tell whether an item is still open.
"""

from alembic import op

from pipeline_runtime.migrations.steps import TABLES, run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROLES = ("callvault_web", "callvault_intake", "callvault_recorder", "callvault_transcriber")

GRANTS = """
GRANT USAGE ON SCHEMA public TO {roles};
GRANT EXECUTE ON FUNCTION current_user_id(), this_month() TO {roles};
GRANT EXECUTE ON FUNCTION admit(uuid, jsonb, boolean) TO callvault_web;
GRANT EXECUTE ON FUNCTION reopen(uuid[]) TO callvault_web, callvault_recorder;
GRANT EXECUTE ON FUNCTION quota_sentence() TO callvault_recorder;

GRANT SELECT ON plans TO callvault_web, callvault_intake, callvault_recorder;

GRANT SELECT (id, email, external_subject, plan, created_at) ON users TO callvault_web;
GRANT SELECT, INSERT ON users TO callvault_intake;
GRANT UPDATE (password_hash, email) ON users TO callvault_intake;
GRANT SELECT (id, plan) ON users TO callvault_recorder;

GRANT SELECT (id, user_id, kind, name, created_at, last_used_at, expires_at) ON api_tokens TO callvault_web;
GRANT INSERT, DELETE ON api_tokens TO callvault_web;
GRANT SELECT, INSERT, DELETE ON api_tokens TO callvault_intake;
GRANT UPDATE (last_used_at) ON api_tokens TO callvault_intake;

GRANT SELECT ON banks, bank_memberships, vaults TO callvault_web, callvault_recorder;
GRANT SELECT, INSERT ON banks, bank_memberships, vaults TO callvault_intake;

GRANT SELECT ON sync_jobs, sync_job_items, import_usage, recordings, vault_entries TO callvault_web;
GRANT INSERT (id, owner_user_id, source_app, account_id, trigger) ON sync_jobs TO callvault_web;
GRANT SELECT, INSERT ON uploads TO callvault_web;
GRANT SELECT (id, object_key, created_at) ON uploads TO callvault_intake;

GRANT SELECT, UPDATE ON sync_jobs, sync_job_items TO callvault_recorder;
GRANT SELECT, INSERT, UPDATE ON import_usage TO callvault_recorder;
GRANT SELECT, INSERT ON recordings, vault_entries TO callvault_recorder;
GRANT SELECT, DELETE ON tasks, transcript_parts TO callvault_recorder;

GRANT SELECT (id, owner_user_id, created_at) ON sync_jobs TO callvault_transcriber;
GRANT SELECT (id, job_id, owner_user_id, status, attempt) ON sync_job_items TO callvault_transcriber;
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO callvault_transcriber;
GRANT SELECT, INSERT, DELETE ON transcript_parts TO callvault_transcriber;

GRANT INSERT ON outbox TO callvault_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO callvault_intake, callvault_recorder;
"""

# Table, role, what it may see and write; the owner's functions are judged by policies too.
MINE = "(SELECT current_user_id())"
POLICIES = (
    ("plans", "callvault_web, callvault_intake, callvault_recorder", "true"),
    ("users", "callvault_web", f"id = {MINE}"),
    ("users", "callvault_intake, callvault_recorder", "true"),
    ("api_tokens", "callvault_web", f"user_id = {MINE}"),
    ("api_tokens", "callvault_intake", "true"),
    ("bank_memberships", "callvault_web", f"user_id = {MINE}"),
    ("bank_memberships", "callvault_intake, callvault_recorder", "true"),
    ("banks", "callvault_web", f"id IN (SELECT bank_id FROM bank_memberships WHERE user_id = {MINE})"),
    ("banks", "callvault_intake, callvault_recorder", "true"),
    ("vaults", "callvault_web", f"bank_id IN (SELECT bank_id FROM bank_memberships WHERE user_id = {MINE})"),
    ("vaults", "callvault_intake, callvault_recorder", "true"),
    ("sync_jobs", "callvault_web", f"owner_user_id = {MINE}"),
    ("sync_jobs", "callvault_recorder", "true"),
    ("sync_jobs", "callvault_transcriber", "true"),
    ("sync_job_items", "callvault_web", f"owner_user_id = {MINE}"),
    ("sync_job_items", "callvault_recorder", "true"),
    ("sync_job_items", "callvault_transcriber", "true"),
    ("import_usage", "callvault_web", f"owner_user_id = {MINE}"),
    ("import_usage", "callvault_recorder", "true"),
    ("tasks", "callvault_recorder", "true"),
    ("tasks", "callvault_transcriber", "kind = 'transcribe'"),
    ("transcript_parts", "callvault_recorder, callvault_transcriber", "true"),
    ("uploads", "callvault_web", f"owner_user_id = {MINE}"),
    ("uploads", "callvault_intake", "true"),
    ("recordings", "callvault_web", f"owner_user_id = {MINE}"),
    ("recordings", "callvault_recorder", "true"),
    ("vault_entries", "callvault_web",
     f"recording_id IN (SELECT id FROM recordings WHERE owner_user_id = {MINE})"),
    ("vault_entries", "callvault_recorder", "true"),
    ("outbox", "callvault_web, callvault_intake", "service = 'ingest-gateway'"),
    ("outbox", "callvault_recorder", "service = 'recorder'"),
)  # fmt: skip


def upgrade() -> None:
    """Grant, then switch row-level security on for every table and every role."""
    run(GRANTS.format(roles=", ".join(ROLES)))
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")
    for number, (table, roles, rule) in enumerate(POLICIES):
        op.execute(f"CREATE POLICY p{number}_{table} ON {table} TO {roles} USING ({rule}) WITH CHECK ({rule})")


def downgrade() -> None:
    """Take it all back."""
    for number, (table, _, _) in enumerate(POLICIES):
        op.execute(f"DROP POLICY p{number}_{table} ON {table}")
    for table in TABLES:
        op.execute(f"DROP POLICY definer ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    roles = ", ".join(ROLES)
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {roles}")
    op.execute(f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {roles}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {roles}")
