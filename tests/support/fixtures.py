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


async def _drop(running: Servers, database: str) -> None:
    admin = await asyncpg.connect(running.admin)
    await admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
    await admin.close()


@asynccontextmanager
async def database_on(running: Servers) -> AsyncIterator[Stack]:
    """A stack's database alone: a clone of the template, dropped at the end. Its publisher is not started."""
    name = f"test_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(running.admin)
    # By its files: to write a database by way of the log takes longer.
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY OWNER callvault_owner")
    owner = await asyncpg.connect(running.url("callvault_owner", name))
    settings = KafkaSettings(kafka_bootstrap_servers=running.kafka, kafka_topic_prefix=f"{name}.")
    try:
        yield Stack(running, name, f"{name}.", owner, Publisher(settings, app="tests"))
    finally:
        await owner.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def stack(running_servers: Servers) -> AsyncIterator[Stack]:
    """A database and topics of the test's own."""
    async with stack_on(running_servers) as made:
        yield made


@asynccontextmanager
async def stack_on(running_servers: Servers) -> AsyncIterator[Stack]:
    """A database and topics that nobody else knows, for as long as the caller likes."""
    async with database_on(running_servers) as made:
        await make_topics(made.kafka)
        await made.publisher.start()
        try:
            yield made
        finally:
            await made.close()
            await made.publisher.stop()
