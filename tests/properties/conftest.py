"""The product's parts on one stack, for all stories."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog

from tests.properties.pipeline import Pipeline, pipeline_on
from tests.support.fixtures import stack_on
from tests.support.servers import Servers


@pytest.fixture(scope="module", autouse=True)
def _quiet_logs() -> Iterator[None]:
    """Thousands of steps say what nobody reads."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(
    running_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    folder = tmp_path_factory.mktemp("properties")
    async with stack_on(running_servers) as stack, pipeline_on(stack, folder) as made:
        yield made
