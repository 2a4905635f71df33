"""A run on several workers: servers are started once, and tests that share a stack go to one worker."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.servers import shared

ROOT = Path(__file__).parents[2]
FIRST = ("tests/faults", "services/transcriber", "tests/e2e", "services/ingest-gateway")
"""The longest ones, each on a stack or a service that is started once: they begin first."""

_open = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """In the controller of a parallel run: start Kafka and PostgreSQL for all of its workers."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        folder = _open.enter_context(tempfile.TemporaryDirectory(prefix="callvault-tests-"))
        _open.enter_context(shared(Path(folder)))


def pytest_unconfigure() -> None:
    """Stop what was started."""
    _open.close()


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group of every test, long groups first."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _place(_group(item)))


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(ROOT).as_posix()
    return next((folder for folder in FIRST if path.startswith(folder)), path)


def _place(group: str) -> int:
    return FIRST.index(group) if group in FIRST else len(FIRST)
