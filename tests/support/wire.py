"""A wire between a client and a server, which can be held up and cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """A relay to a server, whose connections can be held up and cut. `passed` counts bytes on their way there."""

    def __init__(self, url: str) -> None:
        self.url = ""
        self.passed = 0
        self.is_held = asyncio.Event()  # nothing more passes until it is cut
        self._room = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.lead_to(url)

    def lead_to(self, url: str) -> None:
        """New connections go there."""
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port

    def hold_after(self, room: int) -> None:
        """Let so many bytes through from now on."""
        self._room = self.passed + room

    def cut(self) -> None:
        """End all connections as a broken network does; later ones are not held up."""
        self._room = 0
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        self.is_held.clear()

    async def close(self) -> None:
        """Cut it for good, and return when nothing of it is left."""
        self._is_over = True
        self.cut()
        await asyncio.gather(*self._serving)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until an end of it closes."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up, down = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, down}
        if self._is_over:
            self.cut()
        await asyncio.gather(self._pass(reader, down, is_counted=True), self._pass(up, writer))
        self._open -= {writer, down}

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, is_counted: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await source.read(64 * 1024):
                target.write(data)
                await target.drain()
                self.passed += len(data) if is_counted else 0
                if is_counted and self._room and self.passed >= self._room:
                    self.is_held.set()
                    await source.read(-1)  # until it is cut
                    return
        target.close()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """A relay in front of a server."""
    wire = Wire(url)
    server = await asyncio.start_server(wire.serve, "127.0.0.1")
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield wire
        await wire.close()
