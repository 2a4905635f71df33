"""A small HTTP server on loopback with scripted answers. Every request is kept as it came."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer; a body that is no text is JSON. `cut`: the connection breaks before any of it.

    `delay` is in seconds; whoever waits no longer hears nothing.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay: float = 0


@dataclass(frozen=True)
class Asked:
    """A request: headers by lower-case names."""

    method: str
    path: str
    headers: dict[str, str]


class Answering:
    """Answers come from `script` in turn, then `default` for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: list[Reply] = []
        self.default = Reply({"ok": True})
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.asked.append(Asked(self.command, self.path, headers))
                reply = server.script.pop(0) if server.script else server.default
                server._closing.wait(reply.delay)
                if reply.cut:
                    self.close_connection = True
                    self.connection.close()
                    return
                body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(body.encode())), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_DELETE = do_GET

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    return

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler

    def serve(self) -> None:
        """Serve in threads."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop, and free the port."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def answering() -> Iterator[Answering]:
    """A running server."""
    server = Answering()
    server.serve()
    try:
        yield server
    finally:
        server.close()
