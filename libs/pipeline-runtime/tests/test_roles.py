"""What each service's role is not, and may not: tried as that role."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path

import asyncpg
import pytest
from tests.support.database import Connect, Session
from tests.support.stack import Stack

from pipeline_runtime.migrations.steps import (
    PAGE_TABLES,
    PART_TABLES,
    SOURCE_TABLES,
    TABLES,
    UPLOAD_TABLES,
    VOCABULARY_TABLES,
)

SERVICES = ("callvault_web", "callvault_intake", "callvault_recorder", "callvault_transcriber")
CONNECTOR = "callvault_connector_sample"
EXPECTED = Path(__file__).parent / "grants.txt"
EVERYTHING = "SELECT count(*) FROM {0}", "DELETE FROM {0}", "TRUNCATE {0}", "LOCK {0}"
FOREIGN = "00000000-0000-0000-0000-000000000001"


async def allowed(session: Session, statements: Iterable[str]) -> list[str]:
    """Those of the statements that were not refused for want of a privilege. All are rolled back."""
    passed = []
    for statement in statements:
        transaction = session.transaction()
        await transaction.start()
        try:
            await session.execute(statement)
            passed.append(statement)
        except asyncpg.InsufficientPrivilegeError:
            pass
        except asyncpg.PostgresError as error:
            passed.append(f"{statement}: {error}")
        finally:
            await transaction.rollback()
    return passed


def on(tables: str, *statements: str) -> list[str]:
    return [statement.format(table) for table in tables.split() for statement in statements]


MAY_NOT = {
    "callvault_web": [
        *on("recordings vault_entries", "INSERT INTO {0} SELECT * FROM {0}", "UPDATE {0} SET created_at = now()",
            "DELETE FROM {0}"),
        *on("sync_job_items import_usage", "INSERT INTO {0} SELECT * FROM {0}", "DELETE FROM {0}"),
        "UPDATE sync_job_items SET status = 'imported'",
        "UPDATE import_usage SET used = 0",
        "UPDATE sync_jobs SET imported = found",
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, found) "
        f"VALUES (gen_random_uuid(), '{FOREIGN}', 'zoom', 'manual', 9)",
        *on("tasks transcript_parts transcript_plans", *EVERYTHING),
        "INSERT INTO tasks (kind, job_id, owner_user_id, attempt, payload) "
        f"VALUES ('transcribe', gen_random_uuid(), '{FOREIGN}', 1, '{{}}')",
        "UPDATE sync_jobs SET status = 'completed'", "UPDATE incoming_uploads SET owner_user_id = gen_random_uuid()",
        "SELECT * FROM spent_audio('{}', NULL, '1 day')",
        "SELECT count(*) FROM outbox", "DELETE FROM outbox",
        "SELECT password_hash FROM users", "SELECT * FROM users", "SELECT users FROM users",
        "SELECT count(*) FROM users WHERE password_hash LIKE 'x%'",
        "UPDATE users SET plan = 'unlimited'", "UPDATE plans SET monthly_imports = NULL",
        "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'eve@example.com')",
        "SELECT token_hash FROM api_tokens", "SELECT * FROM api_tokens",
        "UPDATE api_tokens SET expires_at = NULL",
        "UPDATE uploads SET object_key = 'another'", "DELETE FROM uploads",
        "INSERT INTO bank_memberships (bank_id, user_id) SELECT id, personal_of FROM banks",
        f"SELECT lock_quota('{FOREIGN}')", f"SELECT may_act_for('{FOREIGN}')",
        *on("source_credentials webhook_secrets webhook_inbox provider_budgets", *EVERYTHING),
        "SELECT secret_sealed FROM connect_attempts", "SELECT pkce_verifier_sealed FROM connect_attempts",
        "UPDATE connect_attempts SET used_at = NULL", "UPDATE connect_attempts SET expires_at = now()",
        "INSERT INTO import_sources SELECT * FROM import_sources", "DELETE FROM import_sources",
        "UPDATE import_sources SET provider_account_id = 'x'", "UPDATE import_sources SET match_keys = '{}'",
        "UPDATE vocabularies SET user_id = gen_random_uuid()", "DELETE FROM vocabularies",
    ],
    "callvault_intake": [
        *on("recordings vault_entries import_usage transcript_parts transcript_plans source_credentials provider_budgets",
            *EVERYTHING),
        "INSERT INTO tasks (kind) VALUES ('check_upload')", "UPDATE tasks SET kind = 'transcribe'", "TRUNCATE tasks",
        "SELECT filename FROM incoming_uploads", "SELECT * FROM incoming_uploads",
        "UPDATE incoming_uploads SET state = 'done'", "INSERT INTO incoming_uploads SELECT * FROM incoming_uploads",
        *on("sync_jobs sync_job_items", *EVERYTHING[1:], "SELECT * FROM {0}", "SELECT title FROM sync_job_items"),
        "UPDATE sync_jobs SET found = 1", "UPDATE sync_job_items SET status = 'imported'",
        "SELECT secret_sealed FROM connect_attempts", "SELECT body FROM webhook_inbox",
        "INSERT INTO webhook_secrets SELECT * FROM webhook_secrets", "UPDATE import_sources SET status = 'active'",
        "SELECT sha256 FROM uploads", "SELECT * FROM uploads", "DELETE FROM uploads",
        "UPDATE users SET plan = 'unlimited'", "DELETE FROM users",
        "UPDATE api_tokens SET token_hash = ''", "UPDATE api_tokens SET user_id = gen_random_uuid()",
        f"SELECT * FROM admit('{FOREIGN}', '[]')", "SELECT * FROM reopen('{}')",
    ],
    "callvault_recorder": [
        "SELECT password_hash FROM users", "SELECT email FROM users", "SELECT * FROM users",
        "UPDATE users SET plan = 'unlimited'",
        *on("transcript_parts transcript_plans api_tokens uploads incoming_uploads connect_attempts source_credentials webhook_secrets webhook_inbox",
            *EVERYTHING),
        "SELECT * FROM spent_audio('{}', NULL, '1 day')",
        *on("import_sources", *EVERYTHING[1:], "SELECT user_id FROM {0}", "UPDATE {0} SET status = 'active'"),
        "UPDATE recordings SET title = 'x'", "DELETE FROM recordings", "DELETE FROM vault_entries",
        "DELETE FROM sync_jobs", "DELETE FROM sync_job_items", "DELETE FROM import_usage",
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) "
        f"VALUES (gen_random_uuid(), '{FOREIGN}', 'zoom', 'manual')",
        "INSERT INTO tasks (kind) VALUES ('transcribe')", "UPDATE tasks SET lease_until = now()",
        f"SELECT * FROM admit('{FOREIGN}', '[]')",
    ],
    "callvault_transcriber": [
        *on("recordings vault_entries users api_tokens outbox uploads banks vaults bank_memberships import_usage plans "
            "import_sources connect_attempts source_credentials webhook_secrets webhook_inbox provider_budgets",
            *EVERYTHING),
        "SELECT ticket FROM sync_job_items", "SELECT title FROM sync_job_items", "SELECT * FROM sync_job_items",
        "UPDATE sync_job_items SET status = 'imported'", "SELECT * FROM sync_jobs", "UPDATE sync_jobs SET found = 0",
        f"SELECT * FROM admit('{FOREIGN}', '[]')", "SELECT * FROM reopen('{}')",
        "UPDATE vocabularies SET terms = '{}'", "SELECT changed_at FROM vocabularies", *on("vocabularies", *EVERYTHING[1:]),
    ],
    CONNECTOR: [
        *on("recordings vault_entries users api_tokens uploads banks vaults bank_memberships import_usage plans "
            "transcript_parts transcript_plans", *EVERYTHING),
        "UPDATE sync_job_items SET status = 'imported'", "DELETE FROM sync_job_items", "DELETE FROM sync_jobs",
        "UPDATE sync_jobs SET imported = found", "UPDATE sync_jobs SET ended_at = now()",
        "DELETE FROM import_sources", "DELETE FROM connect_attempts", "DELETE FROM webhook_inbox",
        "INSERT INTO connect_attempts SELECT * FROM connect_attempts", "SET ROLE callvault_connector_fathom",
    ],
}  # fmt: skip

NOBODY_MAY = [
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "SET ROLE callvault_owner",
    "SET SESSION AUTHORIZATION callvault_owner",
    "ALTER TABLE recordings DISABLE ROW LEVEL SECURITY",
    "SELECT * FROM recording_search",
    "SELECT call_words(gen_random_uuid(), 'x', 'y')",
    "CREATE POLICY mine ON recordings USING (true)",
    "CREATE TRIGGER mine AFTER INSERT ON recordings EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ALTER FUNCTION admit(uuid, jsonb, boolean) RESET ALL",
    "ALTER TABLE recordings OWNER TO CURRENT_USER",
    "DROP TABLE recordings",
    "COPY users TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/hostname')",
]


@pytest.mark.parametrize("role", MAY_NOT)
async def test_a_service_is_refused_what_is_not_its_work(role: str, connect: Connect) -> None:
    session = await connect(role)
    assert await allowed(session, MAY_NOT[role]) == []
    assert await allowed(session, NOBODY_MAY) == []


async def test_the_sessions_of_services_are_plain_roles_that_own_nothing(connect: Connect) -> None:
    for role in SERVICES:
        session = await connect(role)
        row = await session.fetchrow("SELECT * FROM pg_roles WHERE rolname = session_user")
        assert row is not None
        assert row["rolname"] == role
        powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
        assert {name: row[name] for name in powers if row[name]} == {}
        for catalog, column in (("class", "rel"), ("proc", "pro"), ("namespace", "nsp"), ("type", "typ")):
            owns = f"SELECT count(*) FROM pg_{catalog} WHERE {column}owner = session_user::regrole"
            assert await session.fetchval(owns) == 0
        others = await session.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname <> session_user AND pg_has_role(rolname, 'MEMBER')"
        )
        assert others == []


async def test_row_level_security_is_on_and_forced_for_every_table(tables: Stack) -> None:
    rows = await tables.owner.fetch(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )
    ours = {*TABLES, *SOURCE_TABLES, *UPLOAD_TABLES, *PART_TABLES, *PAGE_TABLES, *VOCABULARY_TABLES}
    assert {row["relname"] for row in rows} == ours | {"alembic_version"}
    open_ones = [row["relname"] for row in rows if not (row["relrowsecurity"] and row["relforcerowsecurity"])]
    assert open_ones == ["alembic_version"]


async def test_every_grant_and_policy_is_one_that_somebody_meant(tables: Stack) -> None:
    found = await access(tables.owner)
    expected = EXPECTED.read_text().splitlines()
    assert found == expected, "\n".join(
        [
            *unified_diff(expected, found, "expected", "found", lineterm="", n=0),
            f"Where it is meant, mend {EXPECTED}",
        ]
    )


async def access(owner: Session) -> list[str]:
    """Who but the owner may do what, and by which policy, a line each."""
    rows = await owner.fetch("""
        WITH acl AS (
            SELECT 'schema ' || nspname AS what, nspacl AS acl, 'n'::"char" AS kind, nspowner AS owner
            FROM pg_namespace WHERE nspname = 'public'
            UNION ALL
            SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname, relacl,
                   CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner
            FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT 'function ' || oid::regprocedure, proacl, 'f'::"char", proowner
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ), granted AS (
            SELECT what, x.privilege_type AS privilege, CASE x.grantee WHEN 0 THEN 'PUBLIC'
                   ELSE x.grantee::regrole::text END || CASE WHEN x.is_grantable THEN ' AND ON' ELSE '' END AS who
            FROM acl, aclexplode(coalesce(acl, acldefault(kind, owner))) x WHERE x.grantee <> owner
            UNION ALL
            SELECT 'table ' || relname, x.privilege_type || ' (' || string_agg(attname, ', ' ORDER BY attname) || ')',
                   x.grantee::regrole || CASE WHEN x.is_grantable THEN ' AND ON' ELSE '' END
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) x
            WHERE relnamespace = 'public'::regnamespace
            GROUP BY relname, x.privilege_type, x.grantee, x.is_grantable
        )
        SELECT what || ': ' || who || ' ' || string_agg(privilege, ', ' ORDER BY privilege) AS line
        FROM granted WHERE who <> 'pg_database_owner' GROUP BY what, who
        UNION ALL
        SELECT 'policy on ' || tablename || ': ' || array_to_string(roles, ', ') || ' ' || cmd || ' '
               || regexp_replace(qual, '\\s+', ' ', 'g')
               || CASE WHEN with_check IS DISTINCT FROM qual THEN ' BUT WRITES ' || coalesce(with_check, '-') ELSE '' END
               || CASE permissive WHEN 'PERMISSIVE' THEN '' ELSE ' RESTRICTIVE' END
        FROM pg_policies WHERE schemaname = 'public' AND roles <> '{callvault_owner}'
        UNION ALL
        SELECT 'definer: ' || oid::regprocedure || ' with ' || array_to_string(proconfig, ', ')
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
    """)  # fmt: skip
    return sorted(row["line"] for row in rows)
