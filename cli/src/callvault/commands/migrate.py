"""`callvault migrate`: the database's schema."""

import asyncio
from typing import Annotated

import typer
from alembic.util import CommandError

from callvault.database import read_url, saying_what_failed
from callvault.environment import MIGRATION_URL, ROLE_URLS, database_environment
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_runtime.migrate import make_roles
from pipeline_runtime.migrate import migrate as migrate_schema
from pipeline_runtime.settings import DatabaseSettings, connector_urls


def migrate(
    revision: Annotated[str, typer.Argument(help="For example 0002, or base for an empty one.")] = "head",
) -> None:
    """Bring the database to a revision: the services' roles, then the tables.

    Works on MIGRATION_DATABASE_URL, or on the embedded database while it runs.
    `callvault up` does this by itself.
    """
    asyncio.run(_migrate(Home.from_environment(), revision))
    typer.echo(f"The database is at {revision}.")


async def _migrate(home: Home, revision: str) -> None:
    environment = database_environment(home)
    urls = {name.lower(): read_url(home, name) for name in (MIGRATION_URL, *ROLE_URLS) if environment.get(name)}
    settings = DatabaseSettings(**urls)  # type: ignore[arg-type]  # every field is such a URL
    try:
        async with saying_what_failed():
            await make_roles(settings, connector_urls(environment))
            await migrate_schema(settings.migration_database_url, revision)
    except CommandError as error:
        raise CallvaultError("unknown_revision", f"{error}.".replace("..", ".")) from error
    except ValueError as error:  # a URL with another role than the grants are for
        raise CallvaultError("wrong_role", f"{error}.") from error
