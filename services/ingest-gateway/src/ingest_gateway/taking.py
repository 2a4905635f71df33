"""Taking in a file: from the socket to the disk, hashed and counted on the way, never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from ingest_gateway.filenames import UNNAMED, clean_filename
from ingest_gateway.form import UploadForm
from ingest_gateway.problems import MISSING_FILE, UPLOAD_STALLED, ProblemError
from ingest_gateway.storing import storing
from pipeline_runtime import metrics
from pipeline_runtime.failures import FILE_TOO_LARGE, ItemProblem
from pipeline_runtime.storage import Incoming

WRITTEN_AT_ONCE = 1024 * 1024
STALL_SECONDS = 60.0
DRAIN_SECONDS = 20.0
FORM_OVERHEAD = 64 * 1024  # what a form may have beside the file
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Taken:
    """A file on the disk that nobody has looked into yet. `size` in bytes, `sha256` in hex."""

    filename: str
    size: int
    sha256: str
    fields: dict[str, str]


class _Sink:
    """Bytes on their way into a file: a megabyte at a time, in a thread."""

    def __init__(self, incoming: Incoming, limit: int) -> None:
        self._incoming = incoming
        self._limit = limit
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self.size = 0

    async def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._waiting += data
        if len(self._waiting) >= WRITTEN_AT_ONCE:
            await self._write()

    async def finish(self) -> str:
        await self._write()
        with storing():
            await asyncio.to_thread(self._incoming.flush)
        return self._digest.hexdigest()

    async def _write(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        with storing():
            await asyncio.to_thread(self._put, data)
        metrics.UPLOAD_BYTES.inc(len(data))

    def _put(self, data: bytes) -> None:
        self._incoming.write(data)
        self._digest.update(data)


def too_large(limit: int) -> ItemProblem:
    """The file is over the limit (bytes)."""
    return ItemProblem(FILE_TOO_LARGE, f"The limit is {limit / MEGABYTE:.0f} MB.")


async def take(request: Request, incoming: Incoming, limit: int) -> Taken:
    """Read the request's form into a file of at most `limit` bytes.

    Raises ProblemError, ItemProblem file_too_large, ClientDisconnect. A refusal waits for the rest
    of the body for a while, because most clients look for an answer only when they have sent it all.
    """
    body = _chunks(request)
    try:
        _check_announced_size(request, limit)
        return await _read(request, body, _Sink(incoming, limit))
    except (ProblemError, ItemProblem):
        await drain(request)
        raise


async def _read(request: Request, body: AsyncIterator[bytes], sink: _Sink) -> Taken:
    form = UploadForm(request.headers.get("content-type", ""))
    async for chunk in body:
        if found := form.feed(chunk):
            await sink.add(found)
    fields = form.finish()
    if form.raw_filename == b"" and sink.size == 0:
        raise MISSING_FILE.error()  # what a browser sends where nobody chose a file
    name = clean_filename(form.raw_filename) if form.raw_filename else UNNAMED
    return Taken(name, sink.size, await sink.finish(), fields)


def _check_announced_size(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit + FORM_OVERHEAD:
        raise too_large(limit)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body. Raises upload_stalled where nothing comes for a minute."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise UPLOAD_STALLED.error() from None
        if chunk is None:
            return
        yield chunk


async def drain(request: Request) -> None:
    """Read and forget what is left of a body, for a while, because most clients look for an answer only then.

    Who asked first whether to send (Expect: 100-continue) gets the answer at once.
    """
    if "expect" in request.headers:
        return
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in _chunks(request):
                pass
    except (TimeoutError, ProblemError, RuntimeError):  # the last says that it was read to its end
        return
