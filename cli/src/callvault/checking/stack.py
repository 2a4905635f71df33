"""The stack of a check: real servers, gateway, recorder and the one connector, in a folder that goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from callvault.control import status
from callvault.embedded.postgres import DATABASE, OWNER, Postgres
from callvault.environment import MIGRATION_URL, ROLE_URLS
from callvault.errors import ProcessError
from callvault.finding import find_services
from callvault.home import Home
from callvault.ports import free_port
from callvault.spawn import end, spawn, tail

_OWN = ("ingest-gateway", "recorder")
_NOT_OURS = {
    MIGRATION_URL,
    *ROLE_URLS,
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_TOPIC_PREFIX",
    "STORAGE_URL",
    "PUBLIC_URL",
}
_TIMES = {
    "SIGNUP": "open", "ALLOW_PRIVATE_ADDRESSES": "true", "LOG_LEVEL": "INFO",
    "CONNECTOR_POLL_SECONDS": "0.5", "CONNECTOR_REFRESH_LEASE_SECONDS": "12",
    "CONNECTOR_BUDGET_FACTOR": "100", "CONNECTOR_WORKERS": "8",
    "CONNECTOR_RETRY_SECONDS": "0.5", "CONNECTOR_SILENT_WAIT_SECONDS": "5",
    "RECORDER_RETICKET_AFTER": "PT5S", "RECORDER_RECONCILE_EVERY": "PT1S",
}  # fmt: skip
_START_SECONDS, _STOP_SECONDS = 120.0, 60.0


@dataclass(frozen=True)
class CheckStack:
    """A running stack. `failure` says why the connector does not run, None where it does."""

    home: Home
    gateway: str
    failure: str | None

    @property
    def kafka(self) -> str:
        """Where its Kafka is."""
        return f"127.0.0.1:{self.home.state()['ports']['kafka']}"

    async def lift_limit(self, email: str) -> None:
        """This user may import as many calls as a case has."""
        place = f"127.0.0.1:{self.home.state()['ports']['postgres']}/{DATABASE}"
        connection = await asyncpg.connect(f"postgresql://{OWNER}:{self.home.secret(OWNER)}@{place}")
        await connection.execute("UPDATE users SET plan = 'unlimited' WHERE email = $1", email)
        await connection.close()

    def logs(self) -> dict[str, str]:
        """What every process has logged, by file."""
        return {log.name: log.read_text(errors="replace") for log in self.home.logs.glob("*.log")}


@asynccontextmanager
async def check_stack(service: str, environment: Mapping[str, str]) -> AsyncIterator[CheckStack]:
    """Start all, stop all. Raises ProcessError where our own part does not start."""
    with tempfile.TemporaryDirectory(prefix="callvault-check-", ignore_cleanup_errors=True) as folder:
        home, port = _home(Path(folder)), free_port()
        given = _environment(home, _services(Path(folder), service)) | dict(environment)
        process = spawn(
            [sys.executable, "-P", "-m", "callvault.supervisor", str(port)],
            log=home.log("supervisor"), environment=given, folder=home.path, death_signal=signal.SIGTERM,
        )  # fmt: skip
        try:
            await _ready(home, process.poll)
            yield CheckStack(home, f"http://127.0.0.1:{port}", _failure(home, service))
        finally:
            await asyncio.to_thread(end, process, within=_STOP_SECONDS)
            Postgres(home.path).remove()


def _home(folder: Path) -> Home:
    folder.chmod(0o711)  # root gives the database to another user, who has to pass through
    return Home(folder / "home")


def _services(folder: Path, service: str) -> Path:
    """A folder of services with what is needed alone."""
    chosen = folder / "services"
    chosen.mkdir()
    for found in find_services():
        if found.source and found.name in (*_OWN, service):
            (chosen / found.name).symlink_to(found.source.parent)
    return chosen


def _environment(home: Home, services: Path) -> dict[str, str]:
    ours = {
        name: value for name, value in os.environ.items()
        if name not in _NOT_OURS and not name.endswith("_CONNECTOR_DATABASE_URL")
    }  # fmt: skip
    return ours | {"CALLVAULT_HOME": str(home.path), "CALLVAULT_SERVICES_DIR": str(services)} | _TIMES


async def _ready(home: Home, poll: Callable[[], int | None]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while status(home)["state"] != "ready":
        if poll() is not None or time.monotonic() > deadline:
            raise ProcessError("The stack of the check", "did not start", tail(home.log("supervisor")))
        await asyncio.sleep(0.1)


def _failure(home: Home, service: str) -> str | None:
    found = {process["name"]: process for process in status(home)["processes"]}[service]
    return None if found["state"] == "ready" else found["problem"] or f"{service} is {found['state']}."
