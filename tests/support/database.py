"""A database without topics, and sessions and engines of the services' roles on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import asyncpg
import pytest
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime.database import make_engine
from pipeline_runtime.settings import DatabaseUrl
from tests.support.fixtures import database_on
from tests.support.servers import Servers
from tests.support.stack import Stack

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect: TypeAlias = "Callable[[str], Awaitable[Session]]"
MakeEngine: TypeAlias = Callable[[str], AsyncEngine]


@pytest.fixture
async def tables(running_servers: Servers) -> AsyncIterator[Stack]:
    """The database of a stack alone: what needs no topic is ready in a tenth of the time."""
    async with database_on(running_servers) as made:
        yield made


@pytest.fixture
async def admin(running_servers: Servers) -> AsyncIterator[Session]:
    """A session that may end those of others."""
    session = await asyncpg.connect(running_servers.admin)
    yield session
    await session.close()


@pytest.fixture
async def connect(tables: Stack) -> AsyncIterator[Connect]:
    """Open sessions of a role, closed with the test."""
    sessions: list[Session] = []

    async def open_session(role: str) -> Session:
        session = await asyncpg.connect(tables.url(role))
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        await session.close()


@pytest.fixture
async def engine_of(tables: Stack) -> AsyncIterator[MakeEngine]:
    """Engines of a role, disposed of with the test."""
    engines: list[AsyncEngine] = []

    def make(role: str) -> AsyncEngine:
        engines.append(make_engine(TypeAdapter(DatabaseUrl).validate_python(tables.url(role)), app="tests"))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.dispose()
