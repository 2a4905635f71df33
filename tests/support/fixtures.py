"""The fixtures of all tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from pydantic import TypeAdapter

from pipeline_runtime.kafka import Publisher
from pipeline_runtime.migrate import migrate
from pipeline_runtime.settings import DatabaseUrl, KafkaSettings
from pipeline_runtime.topics import make_topics
from tests.support.servers import Servers, servers
from tests.support.stack import Stack

TEMPLATE = f"callvault_template_{os.getpid()}"
_url = TypeAdapter(DatabaseUrl).validate_python


@pytest.fixture(scope="session")
def running_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Kafka and PostgreSQL, started once, with a migrated database to clone."""
    with servers(tmp_path_factory.mktemp("servers")) as running:
        asyncio.run(_make_template(running))
        yield running
        asyncio.run(_drop(running, TEMPLATE))


async def _make_template(running: Servers) -> None:
    admin = await asyncpg.connect(running.admin)
    await admin.execute(f"CREATE DATABASE {TEMPLATE} OWNER callvault_owner")
    await admin.close()
    await migrate(_url(running.url("callvault_owner", TEMPLATE)))


async def clone(admin: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    """A database like the template. Its files are copied: to write them by way of the log takes half as long again."""
    await admin.execute(
        f"CREATE DATABASE {database} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY OWNER callvault_owner"
    )


async def _drop(running: Servers, database: str) -> None:
    admin = await asyncpg.connect(running.admin)
    await admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def stack(running_servers: Servers) -> AsyncIterator[Stack]:
    """A database and topics of the test's own."""
    async with stack_on(running_servers) as made:
        yield made


@asynccontextmanager
async def stack_on(running_servers: Servers) -> AsyncIterator[Stack]:
    """A database and topics that nobody else knows, for as long as the caller likes."""
    name = f"test_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(running_servers.admin)
    await clone(admin, name)
    settings = KafkaSettings(kafka_bootstrap_servers=running_servers.kafka, kafka_topic_prefix=f"{name}.")
    await make_topics(settings)
    owner = await asyncpg.connect(running_servers.url("callvault_owner", name))
    publisher = Publisher(settings, app="tests")
    await publisher.start()
    made = Stack(running_servers, name, f"{name}.", owner, publisher)
    try:
        yield made
    finally:
        await made.close()
        await publisher.stop()
        await owner.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()
