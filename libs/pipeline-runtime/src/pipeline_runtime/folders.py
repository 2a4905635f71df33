"""Objects in a folder. A key is a path below it; an object comes under its key whole, and stays on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from uuid import uuid4


class Folder:
    """`root`/objects holds the objects; `scratch` is on the same disk. Keys are checked before."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self.scratch = scratch

    def path(self, key: str) -> Path:
        """Where an object lies."""
        return self._root / "objects" / key

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """The object itself. Raises FileNotFoundError."""
        path = self.path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        yield path

    def put(self, key: str, path: Path) -> None:
        """Link the file, which is on the disk by then, under its key; where links are none, copy it.

        Its time of change is now: whoever removes objects without a row looks at their age.
        """
        target = self.path(key)
        made = self.scratch / f"{uuid4().hex}.whole"
        for folder in (made.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        os.utime(path)
        try:
            _link(path, made)
            made.rename(target)
        finally:
            made.unlink(missing_ok=True)  # it stays where the same file lay under the key already
        _sync(target.parent)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        self.path(key).unlink(missing_ok=True)

    def keys(self) -> Iterator[tuple[str, float]]:
        """Every key, and when its object was last changed."""
        base = self._root / "objects"
        for path in base.rglob("*"):
            with suppress(FileNotFoundError):  # deleted while we look
                status = path.stat()
                if S_ISREG(status.st_mode):
                    yield path.relative_to(base).as_posix(), status.st_mtime


def _link(path: Path, made: Path) -> None:
    try:
        made.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(path, made)
    _sync(made)


def _sync(path: Path) -> None:
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
