"""A run on several workers: servers are started once for all of them, and long tests begin first."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.servers import shared

ROOT = Path(__file__).parents[2]
FIRST = ("tests/faults", "tests/e2e", "cli", "services/transcriber", "services/ingest-gateway")
"""Those that take longest."""

_open = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """In the controller of a parallel run: start Kafka and PostgreSQL for all of its workers."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        folder = _open.enter_context(tempfile.TemporaryDirectory(prefix="callvault-tests-"))
        _open.enter_context(shared(Path(folder)))


def pytest_unconfigure() -> None:
    """Stop what was started."""
    _open.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that both workers end at about the same time."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    path = item.path.relative_to(ROOT).as_posix()
    return next((place for place, folder in enumerate(FIRST) if path.startswith(folder)), len(FIRST))
