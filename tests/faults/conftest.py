"""A running stack whose engine is ours to slow down, and that notices faults within seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.engine_server import EngineServer, engine_server
from tests.support.live import Live, live_stack


@pytest.fixture(scope="package")
def engine() -> Iterator[EngineServer]:
    with engine_server() as running:
        yield running


@pytest.fixture(scope="package")
def shaky(engine: EngineServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {
        "TRANSCRIBER_PART_SECONDS": "30",
        "TRANSCRIBER_BASE_URL": engine.url,
        "TRANSCRIBER_LEASE_SECONDS": "3",
        "RECORDER_RECONCILE_EVERY": "PT0.5S",
        "RECORDER_RETICKET_AFTER": "PT3S",
    }
    with live_stack(tmp_path_factory.mktemp("shaky"), sources=(), **settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_engine(engine: EngineServer) -> None:
    engine.script.clear()
    engine.requests.clear()


@pytest.fixture(autouse=True)
async def _hang_up(shaky: Live) -> AsyncIterator[None]:
    yield
    await shaky.hang_up()
