"""Up, down and up again; the roles and their passwords; the command."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic.util import CommandError
from pydantic import TypeAdapter
from tests.support.database import Session
from tests.support.servers import ROLE_VARIABLES, Servers
from tests.support.stack import Stack

from pipeline_runtime.migrate import FOLDER, main, make_role, migrate
from pipeline_runtime.settings import DatabaseUrl

url_of = TypeAdapter(DatabaseUrl).validate_python

SCHEMA = """
SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
       || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END || coalesce(' ' || pg_get_expr(adbin, adrelid), '') AS line
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'acl ' || relname || ' ' || coalesce(relacl, acldefault('r', relowner))::text || relrowsecurity || relforcerowsecurity
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT pg_get_functiondef(oid) || proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'policy ' || tablename || policyname || roles::text || qual FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences WHERE schemaname = 'public'
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'schema ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
UNION ALL SELECT 'revision ' || version_num FROM alembic_version
"""


async def schema(session: Session) -> set[str]:
    return {row["line"] for row in await session.fetch(SCHEMA)}


@pytest.fixture
async def empty(running_servers: Servers) -> AsyncIterator[str]:
    """The owner's URL of a database with nothing in it."""
    name = f"test_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(running_servers.admin)
    await admin.execute(f"CREATE DATABASE {name} OWNER callvault_owner")
    yield running_servers.url("callvault_owner", name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def test_down_to_base_leaves_nothing_of_ours_and_up_again_is_as_it_was(empty: str) -> None:
    session = await asyncpg.connect(empty)
    await migrate(url_of(empty))
    first = await schema(session)
    await migrate(url_of(empty))
    assert await schema(session) == first  # done twice, it changes nothing

    await migrate(url_of(empty), "base")
    bare = {line for line in await schema(session) if not line.startswith("schema ")}
    assert all("alembic_version" in line for line in bare), bare
    assert not [line for line in await schema(session) if "callvault_web" in line]

    await migrate(url_of(empty))
    assert await schema(session) == first
    await session.close()


async def test_each_step_goes_down_and_up_by_itself(empty: str) -> None:
    session = await asyncpg.connect(empty)
    revisions = sorted(path.name[:4] for path in (FOLDER / "versions").glob("0*.py"))
    stages = []
    for revision in revisions:
        await migrate(url_of(empty), revision)
        stages.append(await schema(session))
    for revision, expected in reversed(list(zip(revisions, stages, strict=True))):
        await migrate(url_of(empty), revision)
        assert await schema(session) == expected, revision
    for revision, expected in (("+1", stages[1]), ("head", stages[-1])):
        await migrate(url_of(empty), revision)
        assert await schema(session) == expected
    with pytest.raises(CommandError, match="9999"):
        await migrate(url_of(empty), "9999")
    await session.close()


async def test_a_role_is_made_with_its_urls_password_and_follows_a_new_one(tables: Stack) -> None:
    role = f"test_{uuid4().hex[:12]}"
    parts = urlsplit(tables.url("callvault_owner"))

    def url(password: str) -> str:
        host = f"{role}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=host))

    try:
        for password in ("first", 'it\'s "100%" \\ $$ @:/?#[]', "third"):
            await make_role(tables.owner, url_of(url(password)), role)
            await (await asyncpg.connect(url(password))).close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url("first"))
        row = await tables.owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
        assert row is not None
        assert not any(row[power] for power in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
    finally:
        await tables.owner.execute(f"DROP ROLE IF EXISTS {role}")


async def command(environment: dict[str, str]) -> tuple[int | None, str]:
    """`python -m pipeline_runtime.migrate` with that environment: exit code and all it said."""
    inherited = {name: value for name, value in os.environ.items() if name not in ROLE_VARIABLES.values()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pipeline_runtime.migrate", env=inherited | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_command_makes_roles_and_schema_from_the_environment(
    empty: str, running_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, variable in ROLE_VARIABLES.items():
        monkeypatch.setenv(variable, running_servers.url(role, urlsplit(empty).path[1:]))
    for _ in range(2):
        await main()
    session = await asyncpg.connect(running_servers.url("callvault_web", urlsplit(empty).path[1:]))
    assert await session.fetchval("SELECT count(*) FROM plans") == 2
    await session.close()


async def test_a_url_that_names_another_role_ends_the_command_with_a_sentence(
    empty: str, running_servers: Servers
) -> None:
    urls = {variable: running_servers.url(role, "postgres") for role, variable in ROLE_VARIABLES.items()}
    swapped = {"MIGRATION_DATABASE_URL": empty, "RECORDER_DATABASE_URL": urls["TRANSCRIBER_DATABASE_URL"]}
    assert await command(urls | swapped) == (
        1,
        "migrate: the URL of callvault_recorder names the role 'callvault_transcriber': roles have fixed names\n",
    )
    session = await asyncpg.connect(empty)
    assert await session.fetch("SELECT FROM pg_tables WHERE schemaname = 'public'") == []
    await session.close()
