"""Fathom's connector at work, against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest_asyncio
from tests.support.eventually import eventually
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


async def quiet(fathom: Source, world: World, user: str = "petra") -> tuple[Any, UUID]:
    """A person with an account that has nothing under way."""
    await world.heal()
    person = await fathom.stack.person()
    account = await fathom.connect(person, world, user)
    await fathom.ended(await fathom.first_job(account))
    return person, account


async def new_call(world: World, title: str, **switches: Any) -> str:
    """A call of Petra's that has just ended; its id."""
    made = await world.admin("meetings", source="fathom", host="petra", title=title, **switches)
    return str(made["meetings"][0]["id"])


async def body_of(world: World, title: str, *, words: bool = True, **switches: Any) -> dict[str, Any]:
    """A new call, and what Fathom's webhook says of it."""
    body = {
        "recording_id": int(await new_call(world, title, **switches)),
        "title": title, "created_at": "2026-11-20T10:00:00Z",
        "recording_start_time": "2026-11-20T09:00:00Z", "recording_end_time": "2026-11-20T09:30:00Z",
    }  # fmt: skip
    line = {"speaker": {"display_name": "Petra"}, "text": f"This is {title}.", "timestamp": "00:00:03"}
    return body | ({"transcript": [line]} if words else {})


async def state(fathom: Source, inbox: UUID) -> str:
    """What became of a delivery."""

    async def probe() -> str | None:
        found = await fathom.stack.owner.fetchval("SELECT state FROM webhook_inbox WHERE id = $1", inbox)
        return None if found == "stored" else str(found)

    return await eventually(probe)


async def webhook_job(fathom: Source, account: UUID) -> UUID:
    """The job of the account's last delivery."""

    async def probe() -> UUID | None:
        found = await fathom.stack.owner.fetchval(
            "SELECT id FROM sync_jobs WHERE account_id = $1 AND trigger = 'webhook' ORDER BY created_at DESC "
            "LIMIT 1", account,
        )  # fmt: skip
        return None if found is None else UUID(str(found))

    return await eventually(probe)
