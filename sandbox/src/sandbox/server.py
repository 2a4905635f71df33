"""One uvicorn server on two ports, whose connections can be cut."""

from __future__ import annotations

import json
import signal
import socket
import sys
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.answers import CONNECTION
from sandbox.app import make_app
from sandbox.environment import Environment
from sandbox.world import Hosts


class Connection(H11Protocol):
    """Lets the application reach its transport, to drop the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = partial(_with_transport, self.app, self)


async def _with_transport(
    app: ASGIApp, protocol: Connection, scope: Scope, receive: Receive, send: Send
) -> None:
    scope.setdefault("extensions", {})[CONNECTION] = protocol.transport
    await app(scope, receive, send)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen()  # whoever reads the address may come before the server does
    return listening


def make_server(environment: Environment) -> tuple[uvicorn.Server, list[socket.socket], Hosts]:
    """Everything but the start."""
    sockets = [
        listen(environment.http_host, port) for port in (environment.http_port, environment.storage_port)
    ]
    ports = [each.getsockname()[1] for each in sockets]
    hosts = Hosts(*(f"http://{environment.http_host}:{port}" for port in ports))
    app = make_app(hosts, ports[1], environment.sandbox_seed, environment.sandbox_scenario)
    config = uvicorn.Config(
        app, http=Connection, ws="none", log_level="warning", access_log=False, timeout_graceful_shutdown=1,
        server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config), sockets, hosts


def main() -> None:
    """Serve until SIGTERM or SIGINT; leave with 0."""
    server, sockets, hosts = make_server(Environment())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server raises it once more when it is done
    sys.stdout.write(json.dumps({"address": hosts.main, "storage": hosts.storage}) + "\n")
    sys.stdout.flush()
    server.run(sockets=sockets)
