"""One running gateway for all tests of this service: each test brings people of its own, who see only theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.fixtures import stack_on
from tests.support.gateway import Gateway, gateway_of
from tests.support.servers import Servers
from tests.support.stack import Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway_stack(running_servers: Servers) -> AsyncIterator[Stack]:
    async with stack_on(running_servers) as stack:
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(gateway_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway_of(gateway_stack, tmp_path_factory.mktemp("gateway")) as running:
        yield running
