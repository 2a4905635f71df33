"""Hours of sound. Not part of `make test`: these are collected where LONG_MINUTES says how many minutes they may take up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.stack import Stack

collect_ignore_glob = [] if "LONG_MINUTES" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def minutes() -> int:
    """How long the recording is that goes through the engines; the longest one is four times that."""
    return int(os.environ["LONG_MINUTES"])


@pytest.fixture
def make_desk(stack: Stack, tmp_path: Path) -> Callable[..., Desk]:
    """A desk with these settings of the transcriber."""

    def make(**environment: str) -> Desk:
        as_they_are = {"TRANSCRIBER_LEASE_SECONDS": "30"}  # not those of tests in which workers are killed
        return Desk(stack, tmp_path / "storage", as_they_are | environment)

    return make
