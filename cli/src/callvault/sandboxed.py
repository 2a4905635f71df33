"""The sandbox beside a stack: one more process, and what the connectors are told so that they ask it.

Connectors do not know of it. Their addresses and their application are other ones, in their environment.
"""

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from callvault.control import status
from callvault.environment import GATEWAY, service_environment
from callvault.errors import CallvaultError
from callvault.finding import Service, is_connector, source_of
from callvault.forking import Programs
from callvault.home import Home
from callvault.ports import remembered_port
from callvault.services import ServiceProcess
from callvault.spawn import clean_environment

SANDBOX = "sandbox"
_SOURCE = Path(__file__).parents[3] / "sandbox" / "src"
_ANSWER_SECONDS = 5.0
_AGAINST_A_STAND_IN = {
    "ALLOW_PRIVATE_ADDRESSES": "true",
    "CONNECTOR_BUDGET_FACTOR": "100",  # nobody's limits are strained: without it a demo waits for minutes
}


def sandbox_is_here() -> bool:
    """Whether there is one: it lies in the repository and is installed nowhere."""
    return (_SOURCE / SANDBOX / "__main__.py").exists()


class Sandbox:
    """The sandbox of one stack. Raises `sandbox_missing` where there is none."""

    def __init__(self, home: Home, programs: Programs) -> None:
        if not sandbox_is_here():
            message = f"There is no sandbox at {_SOURCE.parent}."
            raise CallvaultError("sandbox_missing", message, "Run this in a clone of the repository.")
        self._home = home
        self._storage_port = remembered_port(home, f"{SANDBOX}-storage")
        service = Service(SANDBOX, SANDBOX, _SOURCE)
        self.process = ServiceProcess(home, service, programs, environment=self._own_environment)

    def environment_of(self, service: str, port: int) -> dict[str, str]:
        """A service's environment; a connector's leads to the sandbox, as far as that plays its source.

        Nobody real has an account beside a sandbox: whoever opens the page may make one, unless SIGNUP says no.
        """
        environment = service_environment(self._home, service, port)
        if service == GATEWAY:
            return {"SIGNUP": "open"} | environment
        return environment | self._settings_for(service) if is_connector(service) else environment

    def _own_environment(self) -> dict[str, str]:
        """Nothing of the stack's: it knows nobody here."""
        own = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.process.port), "PYTHONUNBUFFERED": "1"}
        return clean_environment() | own | {"STORAGE_PORT": str(self._storage_port)}

    def _settings_for(self, service: str) -> dict[str, str]:
        with closing(HTTPConnection("127.0.0.1", self.process.port, timeout=_ANSWER_SECONDS)) as connection:
            connection.request("GET", "/admin/environment")
            told = json.load(connection.getresponse())
        own = f"{source_of(service).upper()}_"
        found = {name: str(value) for name, value in told.items() if name.startswith(own)}
        return found | _AGAINST_A_STAND_IN if found else {}


def sandbox_address(home: Home) -> str | None:
    """Where the sandbox of a running stack answers; None where the stack has none."""
    for process in status(home)["processes"]:
        if process["name"] == SANDBOX and process["state"] == "ready":
            return f"http://127.0.0.1:{process['port']}"
    return None
