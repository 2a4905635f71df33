"""The stack's database as its owner sees it, for the few things that no service does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from callvault.environment import MIGRATION_URL, database_environment
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_runtime.settings import DatabaseUrl, sqlalchemy_url

_URL: TypeAdapter[DatabaseUrl] = TypeAdapter(DatabaseUrl)


@asynccontextmanager
async def transaction(home: Home, variable: str = MIGRATION_URL) -> AsyncIterator[AsyncConnection]:
    """A transaction as the role of the URL in this variable, the tables' owner if none is named.

    Raises `database_url_missing`, `invalid_database_url`, `database_unreachable`, `database_refused`.
    """
    engine = create_async_engine(
        sqlalchemy_url(read_url(home, variable)),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": 10},
    )
    try:
        async with saying_what_failed(), engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def saying_what_failed() -> AsyncIterator[None]:
    """Turn the driver's errors into sentences. Raises `database_unreachable`, `database_refused`."""
    try:
        yield
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        remedy = "Start the stack with `callvault up`, or look at the database's address."
        raise CallvaultError("database_unreachable", "The database does not answer.", remedy) from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        first_line = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        raise CallvaultError("database_refused", f"The database refused: {first_line}.") from error


def read_url(home: Home, variable: str) -> DatabaseUrl:
    """The URL in this variable. Raises `database_url_missing`, `invalid_database_url`."""
    value = database_environment(home).get(variable)
    if not value:
        message = "This needs the database's address as its owner."
        raise CallvaultError("database_url_missing", message, f"Set {variable}.")
    try:
        return _URL.validate_python(value)
    except ValidationError:  # its text would show the password
        message = f"{variable} is not of the form postgresql://user:password@host:port/database."
        raise CallvaultError("invalid_database_url", message) from None
