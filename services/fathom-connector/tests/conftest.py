"""Fathom's connector at work, against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.fixtures import stack_on
from tests.support.servers import Servers
from tests.support.sources import Source, World, source_on, world_at


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(sandbox_address: str) -> AsyncIterator[World]:
    """A world for the tests of a file."""
    async with world_at(sandbox_address) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fathom(running_servers: Servers, world: World, tmp_path_factory: object) -> AsyncIterator[Source]:
    """One connector and one recorder for the tests of a file. Whoever is stopped is taken for dead soon."""
    folder = tmp_path_factory.mktemp("fathom")  # type: ignore[attr-defined]
    leases = {"CONNECTOR_REFRESH_LEASE_SECONDS": "4", "CONNECTOR_LEASE_SECONDS": "8"}
    async with (
        stack_on(running_servers) as stack,
        source_on(stack, "fathom", world, str(folder), **leases) as source,
    ):
        yield source
