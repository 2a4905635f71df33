"""`python -m pipeline_runtime.migrate [REVISION]`: the roles, then the schema at that revision.

Reads MIGRATION_DATABASE_URL (the tables' owner, with CREATEROLE where the roles are to be made)
and the services' own URLs, whose passwords the roles get. Done again, it changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from pipeline_runtime.settings import (
    CONNECTOR_ROLE,
    DatabaseSettings,
    DatabaseUrl,
    connector_urls,
    driver_url,
    password_of,
    sqlalchemy_url,
)

FOLDER = Path(__file__).parent / "migrations"
OWNER = "callvault_owner"


async def make_role(connection: asyncpg.Connection[asyncpg.Record], url: DatabaseUrl, expected: str) -> None:
    """Make the role of a service's URL, or give it the URL's password.

    Raises ValueError where the URL names another role than the one that the grants are for.
    """
    host = url.hosts()[0]
    if host["username"] != expected:
        raise ValueError(f"the URL of {expected} names the role {host['username']!r}: roles have fixed names")
    password = await connection.fetchval("SELECT quote_literal($1::text)", password_of(url))
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", expected)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(
        f"{verb} ROLE {expected} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD {password}"
        if not exists
        else f"{verb} ROLE {expected} PASSWORD {password}"
    )


async def make_connector_role(
    connection: asyncpg.Connection[asyncpg.Record], url: DatabaseUrl, role: str
) -> None:
    """Make the role of a connector's URL, a member of the role that holds the connectors' grants."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", CONNECTOR_ROLE):
        await connection.execute(f"CREATE ROLE {CONNECTOR_ROLE} NOLOGIN")
    await make_role(connection, url, role)
    member = "SELECT pg_has_role($1, $2, 'MEMBER')"
    if not await connection.fetchval(member, role, CONNECTOR_ROLE):
        await connection.execute(f"GRANT {CONNECTOR_ROLE} TO {role}")


async def make_roles(settings: DatabaseSettings, connectors: Mapping[str, DatabaseUrl]) -> None:
    """Make the role of every service whose URL is given, and of every connector: role name to URL."""
    connection = await asyncpg.connect(driver_url(settings.migration_database_url))
    try:
        for role, url in settings.service_urls().items():
            await make_role(connection, url, role)
        for role, url in connectors.items():
            await make_connector_role(connection, url, role)
    finally:
        await connection.close()


async def migrate(url: DatabaseUrl, revision: str = "head") -> None:
    """Bring the schema to a revision; an earlier one goes down to it."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run, revision)
        await connection.commit()
    await engine.dispose()


def _run(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    if _lies_below(ScriptDirectory.from_config(config), revision, current):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _lies_below(scripts: ScriptDirectory, revision: str, current: str | None) -> bool:
    """Whether it is downwards from the current revision. Raises CommandError where there is none such."""
    if revision == "base" or revision.startswith("-"):
        return True
    if revision.startswith("+"):
        return False
    target = scripts.get_revision(revision)
    below = {each.revision for each in scripts.iterate_revisions(current, "base")} - {current}
    return target is not None and target.revision in below


async def main(revision: str = "head") -> None:
    """Roles first: the grants name them."""
    settings = DatabaseSettings()
    await make_roles(settings, connector_urls(os.environ))
    await migrate(settings.migration_database_url, revision)


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:2]))
    except (ValueError, OSError, asyncpg.PostgresError, CommandError) as error:
        sys.exit(f"migrate: {error}")
