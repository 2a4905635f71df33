"""Runs the `callvault` command as a person would, with a home of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from callvault.control import status
from callvault.environment import MIGRATION_URL, ROLE_URLS
from callvault.home import Home

T = TypeVar("T")
_COMMAND = Path(sys.executable).with_name("callvault")
_OURS = {"KAFKA_BOOTSTRAP_SERVERS", MIGRATION_URL, *ROLE_URLS}


@dataclass(frozen=True)
class Command:
    """The command in its environment."""

    home: Path
    services: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if name not in _OURS}
        ours = {"CALLVAULT_HOME": str(self.home), "CALLVAULT_SERVICES_DIR": str(self.services)}
        return outer | ours | self.settings

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [_COMMAND, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def status(self) -> dict[str, Any]:
        """What `status --json` prints, without starting a program for it."""
        return status(Home(self.home))

    def processes(self) -> dict[str, dict[str, Any]]:
        return {process["name"]: process for process in self.status()["processes"]}


def wait_for(probe: Callable[[], T | None], *, within: float = 30.0) -> T:
    """The first answer of `probe` that is true. Raises TimeoutError with the last one."""
    deadline = time.monotonic() + within
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {within} s; the last was {answer!r}")
        time.sleep(0.05)
    return answer
