"""Where the disk fails, it is said; what else raises OSError, such as the network, is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ingest_gateway.problems import STORAGE_UNAVAILABLE

log = structlog.get_logger()


@contextmanager
def storing() -> Iterator[None]:
    """Around work on storage. Raises storage_unavailable in place of OSError."""
    try:
        yield
    except OSError as error:
        log.exception("upload.not_stored", errno=error.errno)
        raise STORAGE_UNAVAILABLE.error() from error
