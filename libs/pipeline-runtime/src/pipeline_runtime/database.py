"""The database: an engine per role, and transactions that say for which user they speak."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pipeline_runtime.settings import DatabaseUrl, sqlalchemy_url

STANDSTILL_SECONDS = 30
"""How long a transaction may wait for its own process before the server ends it. One that was stopped, or whose
machine was, would hold its locks for as long, and nobody could go on in its place."""

_SPEAK_FOR = text("SELECT set_config('callvault.user_id', :user, true)")


def make_engine(url: DatabaseUrl, *, app: str, pool_size: int = 10) -> AsyncEngine:
    """An engine for one role. A connection that the server has closed, as when it restarts, is not used again.
    A transaction in which nothing happens for STANDSTILL_SECONDS is ended by the server.

    Errors never carry a statement's values: hashes and transcripts are among them.
    """
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,
        connect_args={"timeout": 10, "server_settings": {"application_name": app, **standstill()}},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def standstill() -> dict[str, str]:
    """The setting of a session that ends transactions which stand still."""
    return {"idle_in_transaction_session_timeout": f"{STANDSTILL_SECONDS}s"}


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """The driver hears of a connection's end by itself; to ask the server each time is three round trips."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


@asynccontextmanager
async def speaking_for(
    engine: AsyncEngine, user: UUID, *, at_one_moment: bool = False
) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees the rows of one user and no others (row-level security).

    `at_one_moment`: to read by several statements what belongs together; all of them see the same state.
    """
    if at_one_moment:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    async with engine.begin() as connection:
        await connection.execute(_SPEAK_FOR, {"user": str(user)})
        yield connection


async def ping(engine: AsyncEngine) -> None:
    """Raise where the database does not answer."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,  # the server ended the session just as it was asked something
)
"""What the driver says of a database that cannot be reached now."""


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database cannot be reached now: it passes, and is nobody's fault.

    SQLAlchemy wraps some of the driver's errors in kinds that say nothing; the driver's own is their cause.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AWAY):
            return True
        cause = cause.__cause__
    return False
