"""One running stack with the sandbox, and one Chromium, for all tests of the page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from callvault.clients import http_client
from tests.browser.hub import Hub, Person, chromium
from tests.support.live import live_stack
from tests.support.sources import ADDRESSES, CLIENT, World

WORLD = f"page-{uuid4().hex[:8]}"
UPLOAD_LIMIT = 20_000_000


@pytest.fixture(scope="package")
def hub(sandbox_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The stack. Sources lead to a world of the sandbox."""
    base = f"{sandbox_address}/w/{WORLD}"
    settings = {
        "ALLOW_PRIVATE_ADDRESSES": "true", "YOUTUBE_API_URL": f"{base}/youtube", "CONNECTOR_POLL_SECONDS": "1",
        "UPLOAD_LIMIT_BYTES": str(UPLOAD_LIMIT), "CONNECTOR_BUDGET_FACTOR": "100",
    }  # fmt: skip
    for source in ("fathom", "zoom"):
        prefix = source.upper()
        settings |= {f"{prefix}_{name}_URL": base + path for name, path in ADDRESSES[source].items()}
        settings |= {f"{prefix}_{name.upper()}": value for name, value in CLIENT.items()}
    with live_stack(tmp_path_factory.mktemp("page"), **settings) as running:
        yield Hub(running, base)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if os.getuid() == 0 else []
        )
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def person(hub: Hub, browser: Browser) -> AsyncIterator[Person]:
    """Somebody new, signed in, with a browser window of their own."""
    async with hub.person(browser) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def world(hub: Hub) -> AsyncIterator[World]:
    """The providers, as they are at first."""
    async with http_client(hub.world, timeout=30) as http:
        made = World(hub.world, http)
        quick = {"limits": False, "webhook_scale": 0.01}
        await made.admin("settings", fathom=quick, zoom=quick)
        yield made
        await made.heal()


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _hang_up(hub: Hub) -> AsyncIterator[None]:
    yield
    await hub.live.hang_up()
