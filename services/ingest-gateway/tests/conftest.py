"""One running gateway for all tests of this service: each test brings people of its own, who see only theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog
from argon2 import PasswordHasher
from tests.support.fixtures import stack_on
from tests.support.gateway import MEGABYTE, Gateway, GatewayProcess, gateway_of, gateway_process
from tests.support.servers import Servers
from tests.support.stack import Stack

from pipeline_runtime import people

from .sources import WEBHOOK_KEY


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """As the service logs, more or less: the default shows every local variable of a traceback."""
    processors = structlog.processors
    structlog.configure(
        [structlog.contextvars.merge_contextvars, processors.format_exc_info, processors.JSONRenderer()]
    )


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash at a small part of its cost, in this process alone; test_people looks at the real one."""
    monkeypatch.setattr(people, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway_stack(running_servers: Servers) -> AsyncIterator[Stack]:
    async with stack_on(running_servers) as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(gateway_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    async with gateway_of(gateway_stack, folder, webhook_keys=WEBHOOK_KEY.decode()) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def second(
    gateway: Gateway, gateway_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """Another replica of `gateway`: the same database, the same folder."""
    more = {"storage_url": gateway.storage.as_uri(), "webhook_keys": WEBHOOK_KEY.decode()}
    async with gateway_of(gateway_stack, tmp_path_factory.mktemp("second"), **more) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def process(
    running_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayProcess]:
    """The same service as a process of its own; takes files of up to 210 MB.

    On a stack of its own: it has another folder, and would look there for the bytes of whatever it checks.
    """
    limit = str(210 * MEGABYTE)
    folder = tmp_path_factory.mktemp("process")
    async with (
        stack_on(running_servers) as stack,
        gateway_process(stack, folder, UPLOAD_LIMIT_BYTES=limit) as running,
    ):
        yield running
