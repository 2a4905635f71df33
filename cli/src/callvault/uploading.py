"""Sending a file by tus: what has arrived stays there, so that a broken connection costs little.

The gateway may be started again and the network may fail in between; only where nothing moves for
some minutes is it given up.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from callvault.errors import CallvaultError

PIECE = 64 * 1024 * 1024
"""Bytes of a request: some proxies hold up bodies until they are whole."""
_READ_AT_ONCE = 256 * 1024
_PATIENCE_SECONDS = 120.0
_LONGEST_PAUSE = 5.0
_TIMEOUT = httpx.Timeout(10, read=60, write=60)
_TUS = {"Tus-Resumable": "1.0.0"}
_MAY_PASS = {408, 409, 423, 425, 429}
"""Answers after which it helps to ask how far the upload is; so it does after all from 500 on."""

OnSent = Callable[[int], None]
MakeError = Callable[[httpx.Response | None], CallvaultError]
"""The error that an answer stands for; None is a gateway that does not answer."""


class _Patience:
    """How long to wait before asking again, and when to stop asking."""

    def __init__(self) -> None:
        self.moved()

    def moved(self) -> None:
        """There was progress."""
        self._since = asyncio.get_running_loop().time()
        self._pauses = 0

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() - self._since > _PATIENCE_SECONDS

    async def pause(self, first: float = 0.2) -> None:
        """Twice as long each time."""
        await asyncio.sleep(min(first * 2.0**self._pauses, _LONGEST_PAUSE))
        self._pauses += 1


class Sending:
    """One file on its way. Raises what `make_error` makes, and OSError where the file cannot be read."""

    def __init__(self, client: httpx.AsyncClient, path: Path, on_sent: OnSent, make_error: MakeError) -> None:
        self._client = client
        self._path = path
        self._on_sent = on_sent
        self._make_error = make_error
        self._patience = _Patience()

    async def send(self) -> dict[str, Any]:
        """Send all of it; how the upload stands once it is decided."""
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            where = await self._begin(status)
            offset = 0
            while offset < status.st_size:
                end = min(offset + PIECE, status.st_size)
                offset = await self._send_piece(where, file.fileno(), offset, end)
        return await self._decision(where)

    async def _begin(self, status: os.stat_result) -> str:
        name = os.fsencode(self._path.name).decode(errors="replace")
        told = {
            "filename": name,
            "filetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "last_modified": str(status.st_mtime_ns // 1_000_000),
        }
        headers = _TUS | {"Upload-Length": str(status.st_size), "Upload-Metadata": _metadata(told)}
        answer = await self._request("POST", "/api/uploads", headers=headers)
        if answer is None or answer.is_error:
            raise self._make_error(answer)
        self._on_sent(0)
        return str(answer.headers["location"])

    async def _send_piece(self, where: str, file: int, start: int, end: int) -> int:
        """Where the next piece begins: where this one ends, or as far as it came."""
        headers = _TUS | {
            "Upload-Offset": str(start), "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(end - start),
        }  # fmt: skip
        answer = await self._ask("PATCH", where, headers=headers, content=self._bytes(file, start, end))
        while answer is None:
            answer = await self._ask("HEAD", where, headers=_TUS)
        offset = int(answer.headers["upload-offset"])
        if offset != start:
            self._patience.moved()
        self._on_sent(offset)
        return offset

    async def _bytes(self, file: int, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            piece = await asyncio.to_thread(os.pread, file, min(_READ_AT_ONCE, end - start), start)
            if not piece:
                raise OSError("it became shorter while it was read")
            start += len(piece)
            yield piece
            self._on_sent(start)

    async def _decision(self, where: str) -> dict[str, Any]:
        """Looking into a large file takes a while."""
        polls = _Patience()
        while True:
            answer = await self._ask("GET", where)
            if answer is None:
                continue
            told: dict[str, Any] = answer.json()
            if told["state"] in ("done", "refused"):
                return told
            self._patience.moved()
            await polls.pause(0.05)

    async def _ask(self, method: str, where: str, **options: Any) -> httpx.Response | None:
        """The answer; None, after a pause, where asking again may help."""
        answer = await self._request(method, where, **options)
        if answer is not None and answer.is_success:
            return answer
        if not _may_pass(answer) or self._patience.is_over:
            raise await self._reason(where, answer)
        await self._patience.pause()
        return None

    async def _request(self, method: str, where: str, **options: Any) -> httpx.Response | None:
        try:
            return await self._client.request(method, where, timeout=_TIMEOUT, **options)
        except httpx.TransportError:
            return None

    async def _reason(self, where: str, answer: httpx.Response | None) -> CallvaultError:
        """An answer to HEAD has no words; the upload itself tells them."""
        if answer is not None and answer.request.method == "HEAD":
            answer = await self._request("GET", where)
            if answer is not None and answer.is_success and (why := answer.json().get("error")):
                return CallvaultError(why["code"], why["message"])
        return self._make_error(answer)


def _may_pass(answer: httpx.Response | None) -> bool:
    if answer is None:
        return True
    return answer.status_code in _MAY_PASS or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR


def _metadata(values: dict[str, str]) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
