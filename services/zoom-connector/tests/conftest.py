"""Zoom's connector at work, against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.fixtures import stack_on
from tests.support.servers import Servers
from tests.support.sources import Source, World, source_on, world_at


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(sandbox_address: str) -> AsyncIterator[World]:
    """A world for the tests of a file: without rate limits, and with a transcript of each call."""
    async with world_at(sandbox_address) as made:
        await made.admin("settings", zoom={"limits": False})
        for meeting in (await made.look("meetings", source="zoom"))["meetings"]:
            await made.admin("meetings/change", meeting=meeting["uuid"], transcript="ready")
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zoom(running_servers: Servers, world: World, tmp_path_factory: object) -> AsyncIterator[Source]:
    """One connector and one recorder for the tests of a file."""
    folder = tmp_path_factory.mktemp("zoom")  # type: ignore[attr-defined]
    async with (
        stack_on(running_servers) as stack,
        source_on(stack, "zoom", world, str(folder), CONNECTOR_REFRESH_LEASE_SECONDS="4") as source,
    ):
        yield source
