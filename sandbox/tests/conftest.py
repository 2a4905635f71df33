"""One sandbox process for all tests; a world of its own for each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

REDIRECT = "http://127.0.0.1/callback"
CLIENT = ("sandbox-client", "sandbox-secret")
Found = TypeVar("Found")


def eventually(probe: Callable[[], Found | None], within: float = 10) -> Found:
    """Ask until there is an answer."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if answer := probe():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"nothing came within {within} s")


@dataclass
class World:
    """A client of one world."""

    base: str
    storage: str
    http: httpx.Client

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.http.get(path if path.startswith("http") else self.base + path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.http.post(path if path.startswith("http") else self.base + path, **kwargs)

    def admin(self, path: str, /, **body: Any) -> Any:
        """An admin call that must work."""
        response = self.post(f"/admin/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def look(self, path: str, **query: Any) -> Any:
        return self.get(f"/admin/{path}", params=query).json()

    def fault(self, **rule: Any) -> str:
        return self.admin("faults", **rule)["faults"][0]["id"]

    def meetings(self, source: str, host: str = "maya") -> list[dict[str, Any]]:
        return self.look("meetings", source=source, host=host)["meetings"]

    def authorize(self, provider: str, user: str = "maya", **more: str) -> str:
        """The code that the consent page hands out."""
        path = "/zoom/oauth/authorize" if provider == "zoom" else "/fathom/external/v1/oauth2/authorize"
        query = {
            "client_id": CLIENT[0], "redirect_uri": REDIRECT, "response_type": "code", "state": "s1",
            "sandbox_consent": "accept", "sandbox_user": user, **more,
        }  # fmt: skip
        answer = self.get(path, params=query)
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def token(self, provider: str, **form: str) -> httpx.Response:
        """A call of the token endpoint."""
        if provider == "zoom":
            return self.post("/zoom/oauth/token", data=form, auth=CLIENT)
        form = {"client_id": CLIENT[0], "client_secret": CLIENT[1], **form}
        return self.post("/fathom/external/v1/oauth2/token", data=form)

    def connect(self, provider: str, user: str = "maya") -> dict[str, Any]:
        """Tokens by way of the consent page."""
        code = self.authorize(provider, user)
        answer = self.token(provider, grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bearer(self, provider: str, user: str = "maya") -> dict[str, str]:
        """The header for a fresh connection."""
        return {"authorization": f"Bearer {self.connect(provider, user)['access_token']}"}

    def count(self, endpoint: str) -> int:
        return self.look("calls", endpoint=endpoint)["counts"].get(endpoint, 0)


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[dict[str, str]]:
    """The real process, stopped by SIGTERM at the end."""
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


@pytest.fixture
def world(sandbox_process: dict[str, str]) -> Iterator[World]:
    """A world that no other test knows."""
    name = f"/w/{uuid4().hex[:8]}"
    with httpx.Client(timeout=20, trust_env=False, verify=False) as http:
        made = World(sandbox_process["address"] + name, sandbox_process["storage"] + name, http)
        yield made
        http.delete(made.base + "/admin/world")


@dataclass
class Receiver:
    """An endpoint for webhooks: what came, and what it answers (statuses in order, then 200)."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay: float = 0
    reply: Callable[[bytes], bytes] = lambda _: b"{}"

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        return eventually(lambda: self.got if len(self.got) >= count else None)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
            time.sleep(made.delay)
            answer = made.reply(body)
            try:
                self.send_response(made.statuses.pop(0) if made.statuses else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the sender did not wait

        def log_message(self, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
