"""A transcription server of the tests' own, on loopback: OpenAI's protocol with scripted answers.

It stands in for OpenAI and for servers that speak like it. Every request is kept as it came.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `seconds`: how long it takes; `cut`: the connection breaks in its middle."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: bool = False

    def encoded(self) -> bytes:
        """The body's bytes: JSON unless it is text already."""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """A request as it came: headers by lower-case names, form fields in order, the file and its name."""

    path: str
    headers: dict[str, str]
    fields: list[tuple[str, str]]
    filename: str
    file: bytes

    def value(self, name: str) -> str | None:
        """The first value of a form field."""
        return next((value for found, value in self.fields if found == name), None)


def refusal(status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
            param: str | None = None, headers: dict[str, str] | None = None) -> Answer:  # fmt: skip
    """An error as OpenAI words it."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Answer({"error": error}, status, headers or {})


def spoken(text: str, **more: Any) -> Answer:
    """A verbose_json answer with the text as its one segment."""
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": 3.0, "text": f" {text}", "tokens": [1],
               "temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.2,
               "no_speech_prob": 0.01}  # fmt: skip
    return Answer({"task": "transcribe", "language": "english", "duration": 6.0, "text": text,
                   "segments": [segment], "usage": {"type": "duration", "seconds": 6}, **more})  # fmt: skip


def numbered(count: int, word: str = "Number") -> list[Answer]:
    """As many answers, of which no two say the same: equal ones in a row are taken for a loop."""
    return [spoken(f"{word} {number}.") for number in range(count)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up early is part of the tests."""


class EngineServer:
    """The server. Answers come from `script` in turn, then `default` for ever."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Answer] = []
        self.default = spoken("Hello from the engine.")
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """What TRANSCRIBER_BASE_URL takes."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def take(self, request: Request) -> Answer:
        """Keep the request and give the next answer."""
        with self._lock:
            self.requests.append(request)
            return self.script.pop(0) if self.script else self.default

    def start(self) -> None:
        """Serve in threads."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = engine.take(_read(self))
                time.sleep(answer.seconds)
                body = answer.encoded()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if answer.cut else body)
                self.close_connection = answer.cut

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler


@contextmanager
def engine_server() -> Iterator[EngineServer]:
    """A running server, stopped at the end."""
    server = EngineServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _read(handler: BaseHTTPRequestHandler) -> Request:
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    kind = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(kind + body)
    fields, filename, file = [], "", b""
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if part.get_filename():
            filename, file = str(part.get_filename()), payload
        else:
            fields.append((str(name), payload.decode().strip()))
    headers = {name.lower(): value for name, value in handler.headers.items()}
    return Request(handler.path, headers, fields, filename, file)
