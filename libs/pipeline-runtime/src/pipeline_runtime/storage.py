"""Where audio lies: objects under a key, whole or not there at all. STORAGE_URL names a folder."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO
from urllib.parse import unquote, urlsplit
from uuid import uuid4

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*")
INCOMING = "incoming"
"""The folder of files that are still being written; what is left in it after a crash is swept."""


class Storage:
    """A folder of objects. A key is relative, of plain characters, and never leaves the folder."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file" or not parts.path:
            raise ValueError(f"STORAGE_URL takes a folder, file:///path, not {parts.scheme}://…")
        self.root = Path(unquote(parts.path))

    def path(self, key: str) -> Path:
        """Where an object lies. Raises ValueError for a key that is none."""
        if not _KEY.fullmatch(key) or ".." in key.split("/"):
            raise ValueError("that is not a storage key")
        return self.root / "objects" / key

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """An object as a file to read, for as long as the body runs. Raises FileNotFoundError."""
        path = self.path(key)
        if not await asyncio.to_thread(path.is_file):
            raise FileNotFoundError(key)
        yield path

    @asynccontextmanager
    async def incoming(self) -> AsyncIterator[Incoming]:
        """A file to write into. Unless it is kept, nothing of it stays."""
        folder = self.root / INCOMING
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        incoming = Incoming(self, folder / uuid4().hex)
        try:
            yield incoming
        finally:
            await asyncio.to_thread(incoming.close)

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        await asyncio.to_thread(self.path(key).unlink, missing_ok=True)

    def keys(self) -> list[tuple[str, float]]:
        """Every object's key, and when it was last changed (seconds since the epoch)."""
        base = self.root / "objects"
        found = []
        for path in base.rglob("*"):
            with suppress(FileNotFoundError):  # deleted while we look
                status = path.stat()
                if S_ISREG(status.st_mode):
                    found.append((path.relative_to(base).as_posix(), status.st_mtime))
        return found

    def left_behind(self) -> list[Path]:
        """Files of uploads that were never finished, those under way included."""
        folder = self.root / INCOMING
        return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


class Incoming:
    """An object while it is written: a temporary name first, its own key when it is whole."""

    def __init__(self, storage: Storage, path: Path) -> None:
        self.path = path
        self._storage = storage
        self._file: BinaryIO | None = path.open("wb")

    def write(self, chunk: bytes) -> None:
        """Add bytes. Blocking: call it from a thread."""
        assert self._file is not None
        self._file.write(chunk)

    def flush(self) -> None:
        """Make the bytes readable under `path`. Blocking."""
        assert self._file is not None
        self._file.flush()

    def keep(self, key: str) -> None:
        """On the disk, then under its key: fsync, rename, fsync of the folder. Blocking."""
        assert self._file is not None
        target = self._storage.path(key)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Drop what was not kept. Blocking."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)
