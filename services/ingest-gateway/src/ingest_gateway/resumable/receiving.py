"""Receiving a piece: from the socket to the upload's file, on the disk before it is told, in flat memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Lock

from starlette.requests import Request

from ingest_gateway.problems import PIECE_TOO_LARGE, UPLOAD_LOCKED, UPLOAD_STALLED
from ingest_gateway.resumable.holds import Hold
from ingest_gateway.storing import storing
from ingest_gateway.taking import STALL_SECONDS, WRITTEN_AT_ONCE
from pipeline_runtime import metrics
from pipeline_runtime.containers import HEAD, sniff_beginning

SYNC_BYTES = 32 * 1024 * 1024
SYNC_SECONDS = 1.0
"""So often what has come is forced to the disk; a killed process costs the client no more than that."""


class PartialFile:
    """An upload's bytes so far. All of it blocks: call it from a thread.

    A request that is cancelled leaves its thread at work, so one thing is done after the other.
    """

    def __init__(self, path: Path, received: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # less the umask, as any file
        # Fewer bytes than the row says: another machine's disk. What is beyond was never told to the client.
        self.size = min(received, os.fstat(self._file).st_size)
        os.ftruncate(self._file, self.size)
        if self.size == 0:
            _sync_folder(path.parent)  # its name outlives a power cut, too
        self.is_known = False  # whether the beginning was looked at
        self._one_at_a_time = Lock()

    def write(self, data: bytes) -> None:
        """Add bytes. Raises ItemProblem as soon as they can be seen to be of nothing that is taken."""
        with self._one_at_a_time:
            view = memoryview(data)
            while view:
                written = os.pwrite(self._file, view, self.size)
                self.size += written
                view = view[written:]
            if not self.is_known:
                self.is_known = sniff_beginning(self.path) is not None

    def sync(self) -> int:
        """Force it to the disk; how many bytes are there."""
        with self._one_at_a_time:
            os.fdatasync(self._file)
            return self.size

    def close(self) -> None:
        """Once, after all else."""
        with self._one_at_a_time:
            os.close(self._file)


def _sync_folder(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


async def receive(request: Request, hold: Hold, file: PartialFile) -> None:
    """Take the request's body to the end of the file. What has come is on the disk afterwards, in any case.

    Raises ItemProblem, piece_too_large, upload_stalled, upload_locked, storage_unavailable, ClientDisconnect.
    """
    synced = time.monotonic()
    try:
        async for data in _gathered(request, hold, file):
            if file.size + len(data) > hold.upload.size:
                raise PIECE_TOO_LARGE.error()
            with storing():
                await asyncio.to_thread(file.write, data)
                if file.size - hold.received >= SYNC_BYTES or time.monotonic() - synced >= SYNC_SECONDS:
                    hold.received = await asyncio.to_thread(file.sync)
                    synced = time.monotonic()
            metrics.UPLOAD_BYTES.inc(len(data))
    finally:
        with storing():
            hold.received = await asyncio.to_thread(file.sync)


async def _gathered(request: Request, hold: Hold, file: PartialFile) -> AsyncIterator[bytes]:
    """The body, a megabyte at a time, less until it is known what it is. What came before a break is kept."""
    waiting, failure = bytearray(), None
    chunks = _chunks(request, hold)
    while True:
        try:
            chunk = await anext(chunks, None)
        except Exception as error:
            failure, chunk = error, None
        if chunk is not None:
            waiting += chunk
        if waiting and (chunk is None or len(waiting) >= (WRITTEN_AT_ONCE if file.is_known else HEAD)):
            yield bytes(waiting)
            waiting.clear()
        if failure is not None:
            raise failure
        if chunk is None:
            return


async def _chunks(request: Request, hold: Hold) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with hold.waiting(STALL_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise (UPLOAD_LOCKED if hold.must_stop else UPLOAD_STALLED).error() from None
        if chunk is None:
            return
        yield chunk
