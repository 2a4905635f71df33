"""Kafka and PostgreSQL for the whole run: embedded ones, or those that the environment names."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import TypeAdapter

from callvault.embedded.kafka import Kafka
from callvault.embedded.postgres import Postgres
from callvault.finding import connector_sources
from pipeline_runtime.migrate import make_connector_role, make_role
from pipeline_runtime.settings import DatabaseUrl

ROLE_VARIABLES = {
    "callvault_owner": "MIGRATION_DATABASE_URL",
    "callvault_web": "GATEWAY_DATABASE_URL",
    "callvault_intake": "INTAKE_DATABASE_URL",
    "callvault_recorder": "RECORDER_DATABASE_URL",
    "callvault_transcriber": "TRANSCRIBER_DATABASE_URL",
}

CONNECTORS = (*connector_sources(), "sample")
"""The sources whose connectors' roles are made for the tests."""


def connector_role(source: str) -> str:
    """As whom the connector of a source logs in."""
    return f"callvault_connector_{source}"


@dataclass(frozen=True)
class Servers:
    """Where Kafka is, and a URL for each role; `admin` may make databases."""

    kafka: str
    urls: dict[str, str]
    admin: str

    def url(self, role: str, database: str) -> str:
        """The role's URL on another database of the same server."""
        return urlunsplit(urlsplit(self.urls[role])._replace(path=f"/{database}"))


_url = TypeAdapter(DatabaseUrl).validate_python

SHARED = "CALLVAULT_TEST_SERVERS"
"""Set for the workers of a parallel run: where the servers are that its controller has started."""


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Servers for this process and all that it starts."""
    with servers(folder) as running:
        os.environ[SHARED] = json.dumps(asdict(running))
        try:
            yield
        finally:
            del os.environ[SHARED]


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Outside servers where the environment names them all, else embedded ones in that folder."""
    if told := os.environ.get(SHARED):
        yield Servers(**json.loads(told))
        return
    outside = {role: os.environ.get(name) for role, name in ROLE_VARIABLES.items()}
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    given = {role: url for role, url in outside.items() if url}
    if kafka and len(given) == len(outside):
        given |= {connector_role(source): _login(given["callvault_owner"], source) for source in CONNECTORS}
        asyncio.run(_make_roles(given))
        yield Servers(kafka, given, os.environ.get("TEST_ADMIN_DATABASE_URL", given["callvault_owner"]))
        return
    with Kafka(folder) as broker, Postgres(folder) as database:
        roles = (*ROLE_VARIABLES, *map(connector_role, CONNECTORS))
        urls = {role: database.url_for(role, "callvault") for role in roles}
        for setting in ("fsync", "full_page_writes"):
            # A database is made and dropped for each test, and each time all are written out; this server's
            # machine may crash. What a crash leaves is tried on stacks of their own, whose settings are the product's.
            database.run_sql(f"ALTER SYSTEM SET {setting} = off")
        database.run_sql("SELECT pg_reload_conf()")
        asyncio.run(_make_roles(urls))
        yield Servers(broker.bootstrap, urls, database.url_for("postgres", "postgres"))
        database.remove()  # for root it may lie outside of the folder


async def _make_roles(urls: dict[str, str]) -> None:
    """The services' roles, which all databases of a server share."""
    owner = await asyncpg.connect(urls["callvault_owner"])
    for role in urls.keys() - {"callvault_owner"}:
        make = make_connector_role if role.startswith("callvault_connector_") else make_role
        await make(owner, _url(urls[role]), role)
    await owner.close()


def _login(url: str, source: str) -> str:
    """A connector's URL on the server of this one."""
    parts = urlsplit(url)
    return urlunsplit(
        parts._replace(netloc=f"{connector_role(source)}:tests@{parts.netloc.rpartition('@')[2]}")
    )
