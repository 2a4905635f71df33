"""One running stack with the local engine for all end-to-end tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.live import Live, live_stack
from tests.support.sources import sandbox_address

__all__ = ["sandbox_address"]


@pytest.fixture(scope="session")
def live(sandbox_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {"YOUTUBE_API_URL": f"{sandbox_address}/w/live/youtube", "ALLOW_PRIVATE_ADDRESSES": "true"}
    with live_stack(tmp_path_factory.mktemp("live"), **settings) as running:
        yield running


@pytest.fixture(autouse=True)
async def _hang_up(live: Live) -> AsyncIterator[None]:
    yield
    await live.hang_up()
