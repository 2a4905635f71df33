"""A run on several workers: servers are started once for all of them; tests that share a stack go to one."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.servers import shared

TOGETHER = (
    "tests/faults", "tests/e2e", "tests/browser/imports", "tests/browser/pages", "cli", "services/ingest-gateway",
    "services/transcriber", "tests/contracts/test_new_connector_page.py", "tests/properties",
)  # fmt: skip
"""Folders whose tests share what is slow to start, and one file. They take longest and begin first."""

MEMORY = Path("/dev/shm")
ROOM = 1024**3
"""In bytes. A whole run takes a fifth of it."""

_open = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """In the controller of a parallel run: start Kafka and PostgreSQL for all of its workers."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        made = tempfile.TemporaryDirectory(prefix="callvault-tests-", dir=_in_memory())
        folder = Path(_open.enter_context(made))
        folder.chmod(0o711)  # root's PostgreSQL runs as someone else
        _open.enter_context(shared(folder))


def pytest_unconfigure() -> None:
    """Stop what was started."""
    _open.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that all workers end at about the same time."""
    items.sort(key=lambda item: _place(item.nodeid))


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers carry no types
    """One worker for each of the folders, and for each file elsewhere."""

    def _split_scope(self, nodeid: str) -> str:
        place = _place(nodeid)
        return TOGETHER[place] if place < len(TOGETHER) else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByStack:
    """Instead of the one that --dist names."""
    return ByStack(config, log)


def _in_memory() -> Path | None:
    """A folder in memory where there is room: each test makes and deletes hundreds of files, which disks dislike."""
    usable = os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if usable else None


def _place(nodeid: str) -> int:
    return next((n for n, folder in enumerate(TOGETHER) if nodeid.startswith(folder)), len(TOGETHER))
