"""Objects in an S3-compatible bucket, by obstore.

Region, endpoint, credentials and encryption are read from the usual AWS_* variables: AWS_REGION,
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SERVER_SIDE_ENCRYPTION and so on.

Whatever the bucket answers is raised as OSError, whose text names no address and no key.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

PIECE = 16 * 1024 * 1024
"""Bytes of a request, there and back: twelve hours of video need fewer than the 10,000 parts that S3 takes."""
AT_ONCE = 2
"""Pieces under way together: this times PIECE is the memory that one file costs."""
_COPY = ".copy"
_YOUNG_SECONDS = 60.0
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class Bucket:
    """A bucket, below a prefix. `scratch` is where objects lie while they are read. Keys are checked before."""

    def __init__(self, name: str, prefix: str, scratch: Path) -> None:
        self._scratch = scratch
        self._store = S3Store(
            name,
            prefix=prefix or None,
            disable_bulk_delete=True,  # one at a time is what we do, and what every such store knows
            client_options={
                "allow_http": _is_plain(os.environ),
                "timeout": timedelta(minutes=2),  # of one piece
                "connect_timeout": timedelta(seconds=10),
            },
            retry_config={"max_retries": 5, "retry_timeout": timedelta(minutes=2)},
        )

    def put(self, key: str, path: Path) -> None:
        """Send the file, in parts where it is large; the object is there when all of it is."""
        with path.open("rb") as file, _said():
            obstore.put(self._store, key, file, chunk_size=PIECE, max_concurrency=AT_ONCE)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """A copy, removed afterwards. Raises FileNotFoundError."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._drop_copies_of_the_dead()
        path = self._scratch / f"{uuid4().hex}{_COPY}"
        with path.open("wb") as file:
            try:
                flock(file, LOCK_EX)
                self._fetch(key, file)
                yield path
            finally:
                path.unlink(missing_ok=True)

    def _fetch(self, key: str, file: BinaryIO) -> None:
        with _said(finds=True):
            size = obstore.head(self._store, key)["size"]
            for start in range(0, size, PIECE):
                file.write(obstore.get_range(self._store, key, start=start, end=min(size, start + PIECE)))
        file.flush()

    def _drop_copies_of_the_dead(self) -> None:
        """Gigabytes that a killed process has left. Whoever lives has locked its copy."""
        for path in self._scratch.glob(f"*{_COPY}"):
            with suppress(OSError), path.open("rb") as file:
                flock(file, LOCK_EX | LOCK_NB)
                if time.time() - path.stat().st_mtime > _YOUNG_SECONDS:  # else it may be about to be locked
                    path.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        with _said():
            obstore.delete(self._store, key)

    def keys(self) -> Iterator[tuple[str, float]]:
        """Every key, and when its object was last changed."""
        with _said():
            for page in obstore.list(self._store):
                for found in page:
                    yield found["path"], found["last_modified"].timestamp()


def _is_plain(environment: Mapping[str, str]) -> bool:
    """Whether the endpoint is without TLS, as one's own server beside the services may be."""
    endpoint = next((environment[name] for name in _ENDPOINTS if environment.get(name)), "")
    return endpoint.startswith("http://")


@contextmanager
def _said(*, finds: bool = False) -> Iterator[None]:
    """Raises OSError for what the bucket refuses, FileNotFoundError where an object was to be found and is not.

    Its own text may hold an address with a signature.
    """
    try:
        yield
    except BaseError as error:
        raise OSError(errno.EIO, f"the bucket did not do it: {type(error).__name__}") from None
    except FileNotFoundError:
        if finds:
            raise FileNotFoundError(errno.ENOENT, "the bucket has no such object") from None
        raise OSError(errno.EIO, "the bucket did not do it: there is none of that name") from None
