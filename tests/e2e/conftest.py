"""One running stack with the local engine for all end-to-end tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.live import Live, live_stack


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_stack(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture(autouse=True)
async def _hang_up(live: Live) -> AsyncIterator[None]:
    yield
    await live.hang_up()
