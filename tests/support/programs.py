"""The services' processes in tests: as the supervisor starts them, from one fork server for this whole process."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from callvault.forking import Programs
from callvault.spawn import Child


def start(module: str, environment: Mapping[str, str], log: Path) -> Child:
    """`python -m module` with this process's environment and that one, its output in `log`."""
    given = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
    return _programs().start(module, log=log, environment=given, folder=Path.cwd())


@cache
def _programs() -> Programs:
    folder = tempfile.TemporaryDirectory(prefix="callvault-tests-")
    programs = Programs(Path(folder.name) / "forkserver.log")
    atexit.register(folder.cleanup)
    atexit.register(programs.close)
    return programs
