"""Where audio lies: objects under a key, whole or not there at all. STORAGE_URL names a folder or a bucket.

What is still being written lies in a folder of this machine, also where objects are in a bucket:
files from strangers are looked at before they are kept.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from pipeline_runtime.folders import Folder

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*")
INCOMING = "incoming"
"""The folder of files that are still being written; what is left in it after a crash is swept."""
COPIES = "copies"
"""The folder of what is fetched from a bucket to be read."""
PARTIAL = "partial"
"""The folder of files that come in by several requests: each has a row, and is swept with it."""


class Objects(Protocol):
    """What a folder and a bucket can do. All of it blocks, and raises OSError."""

    def put(self, key: str, path: Path) -> None:
        """Keep a file under a key, durably; the file itself may stay or go."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """An object as a file. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""

    def keys(self) -> Iterator[tuple[str, float]]:
        """Every key, and when its object was last changed (seconds since the epoch)."""


class Storage:
    """Objects. A key is relative, of plain characters, and never leaves its place.

    `folder` is where files lie while they are written: in the folder of the objects, or for a bucket in
    one of this machine's temporary ones, unless another is given. Raises ValueError for another URL.
    """

    def __init__(self, url: str, folder: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path:
            place = Path(unquote(parts.path))
            self.root = folder or place
            self._objects: Objects = Folder(place, place / INCOMING)
        elif parts.scheme == "s3" and parts.netloc:
            from pipeline_runtime.buckets import Bucket  # here: whoever has a folder need not load it

            self.root = folder or Path(tempfile.gettempdir()) / "callvault"
            self._objects = Bucket(parts.netloc, parts.path.strip("/"), self.root / COPIES)
        else:
            raise ValueError(
                f"STORAGE_URL takes a folder, file:///path, or s3://bucket/prefix, not {parts.scheme}://…"
            )

    def path(self, key: str) -> Path:
        """Where an object lies in a folder. Raises ValueError for a key that is none, and for a bucket."""
        if not isinstance(self._objects, Folder):
            raise ValueError("objects of a bucket have no path")  # noqa: TRY004  it is the URL that is wrong
        return self._objects.path(_checked(key))

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """An object as a file to read, for as long as the body runs. Raises FileNotFoundError.

        For a folder it is the object itself; from a bucket it is fetched, and removed afterwards.
        """
        found = self._objects.local(_checked(key))
        path = await asyncio.to_thread(found.__enter__)
        try:
            yield path
        finally:
            await asyncio.to_thread(found.__exit__, None, None, None)

    def put(self, key: str, path: Path) -> None:
        """Keep a whole file under a key, durably. Blocking; done again, it changes nothing."""
        self._objects.put(_checked(key), path)

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

    def partial(self, name: UUID) -> Path:
        """Where a file lies that comes in by several requests."""
        return self.root / PARTIAL / str(name)

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        await asyncio.to_thread(self._objects.delete, _checked(key))

    def keys(self) -> list[tuple[str, float]]:
        """Every object's key, and when it was last changed (seconds since the epoch). Blocking."""
        return list(self._objects.keys())

    def left_behind(self) -> list[Path]:
        """Files that were never finished, those under way included."""
        folders = {self.root / INCOMING}
        if isinstance(self._objects, Folder):
            folders.add(self._objects.scratch)
        return [path for folder in folders for path in _files(folder)]

    def partials(self) -> list[Path]:
        """Files that come in by several requests."""
        return _files(self.root / PARTIAL)


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
        """On the disk, then under its key. Blocking."""
        assert self._file is not None
        self._file.flush()
        self._file.close()
        self._file = None
        self._storage.put(key, self.path)

    def close(self) -> None:
        """Drop what was not kept. Blocking."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key) or ".." in key.split("/"):
        raise ValueError("that is not a storage key")
    return key


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
