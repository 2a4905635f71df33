"""Folders for decoded sound. A process that is killed leaves its own to the next one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "callvault-transcriber-"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for as long as the body runs. Its name carries our process id, so that it can be swept."""
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def sweep_scratch() -> None:
    """Remove what killed processes have left behind: hours of samples are gigabytes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_NAME}*-*"):
        process = folder.name.removeprefix(_NAME).split("-")[0]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)
