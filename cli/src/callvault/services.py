"""The processes of the services: started, and watched over HTTP."""

import json
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from callvault.environment import GATEWAY, service_environment
from callvault.errors import ProcessError
from callvault.finding import Service, is_connector
from callvault.forking import Programs
from callvault.home import Home
from callvault.ports import remembered_port
from callvault.spawn import Child, end, rotate, tail

_GATEWAY_PORT = 8000
_READY_SECONDS = 120.0
_CONNECTOR_SECONDS = 60.0  # the stack does not wait longer for a source
_STOP_SECONDS = 20.0


class ServiceProcess:
    """One service as a child process. `environment` is asked for at each start: all that it is given."""

    def __init__(
        self,
        home: Home,
        service: Service,
        programs: Programs,
        *,
        port: int | None = None,
        environment: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self.home = home
        self.name = service.name
        preferred = _GATEWAY_PORT if service.name == GATEWAY else None
        self.port = port or remembered_port(home, service.name, preferred=preferred)
        self.patience = _CONNECTOR_SECONDS if is_connector(service.name) else _READY_SECONDS
        self._service = service
        self._programs = programs
        self.environment = environment or partial(service_environment, home, service.name, self.port)
        self._process: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What the service prints."""
        return self.home.log(self.name)

    def start(self) -> None:
        """Start it and wait until it is ready. Raises ProcessError when it ends or `patience` (s) does."""
        environment = dict(self.environment())
        if self._service.source:  # runs from its folder, installed or not
            path = [str(self._service.source), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        rotate(self.log)
        self._process = self._programs.start(
            self._service.package, log=self.log, environment=environment, folder=self.home.path
        )
        self._await_ready(self._process, self.port)

    def stop(self) -> None:
        """Ask it to finish what it holds and stop."""
        if self._process is not None:
            end(self._process, within=_STOP_SECONDS)

    def _await_ready(self, process: Child, port: int) -> None:
        deadline = time.monotonic() + self.patience
        reasons = "no answer from /readyz"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ProcessError(self.name, f"ended with code {process.returncode}", tail(self.log))
            answer = readiness(port)
            if answer == "" and _listens(process.pid, port):
                return
            reasons = answer or reasons
            time.sleep(0.1)
        self.stop()
        what = f"was not ready within {self.patience:.0f} s ({reasons})"
        raise ProcessError(self.name, what, tail(self.log))


def _listens(pid: int, port: int) -> bool:
    """Whether that process has the port: another stack may have been quicker to take it, and answer there."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def readiness(port: int, *, timeout: float = 2.0) -> str | None:
    """Ask /readyz: "" when ready, the reasons when not, None when nobody answers."""
    told = _readyz(port, timeout)
    if told is None:
        return None
    status, body = told
    return "" if status == 200 else f"{status} {body}"


def notices(port: int, *, timeout: float = 2.0) -> list[str]:
    """What a service wants its operator to know although it works."""
    told = _readyz(port, timeout)
    try:
        found = json.loads(told[1]) if told else {}
    except ValueError:
        return []
    return [str(note) for note in found.get("notices", {}).values()]


def _readyz(port: int, timeout: float) -> tuple[int, str] | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read(1000).decode(errors="replace")
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
