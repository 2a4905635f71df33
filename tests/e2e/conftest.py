"""One running stack for the end-to-end tests: the local engine, and sources that the sandbox plays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from callvault.clients import http_client
from tests.support.live import Live, live_stack
from tests.support.sources import ADDRESSES, CLIENT, ZOOM_SECRET, World

_WORLD = "live"


@pytest.fixture(scope="package")
def live(sandbox_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    base = f"{sandbox_address}/w/{_WORLD}"
    settings = {
        "YOUTUBE_API_URL": f"{base}/youtube",
        "ZOOM_WEBHOOK_SECRET": ZOOM_SECRET,
        "ALLOW_PRIVATE_ADDRESSES": "true",
        "CONNECTOR_BUDGET_FACTOR": "100",  # the sandbox's sources take as many calls as one likes
    }
    for source, addresses in ADDRESSES.items():
        prefix = source.upper()
        settings |= {f"{prefix}_{name}_URL": base + path for name, path in addresses.items()}
        settings |= {f"{prefix}_{name.upper()}": value for name, value in CLIENT.items()}
    with live_stack(tmp_path_factory.mktemp("live"), **settings) as running:
        yield running


@pytest.fixture
async def world(sandbox_address: str) -> AsyncIterator[World]:
    """Where the stack's sources are played: quick, and without limits."""
    async with http_client(sandbox_address, timeout=30) as http:
        made = World(f"{sandbox_address}/w/{_WORLD}", http)
        quick = {"limits": False, "webhook_scale": 0.01}
        await made.admin("settings", fathom=quick, zoom=quick)
        yield made


@pytest.fixture(autouse=True)
async def _hang_up(live: Live) -> AsyncIterator[None]:
    yield
    await live.hang_up()
