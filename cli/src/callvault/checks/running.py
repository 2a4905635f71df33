"""Checks of what runs: our own stack, and the outside servers that the environment names."""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from callvault.checks import Check
from callvault.control import status
from callvault.environment import MIGRATION_URL, ROLE_URLS, database_is_outside
from callvault.errors import CallvaultError
from callvault.home import Home
from callvault.services import notices, readiness

_PATIENCE = 3.0  # seconds for an outside server to take a connection
_PORTS = {"postgresql": 5432, "http": 80, "https": 443}


def running_checks(home: Home) -> list[Check]:
    """The stack's state, each of its processes, each outside server."""
    return [*_stack(home), *_outside()]


def _stack(home: Home) -> list[Check]:
    report = status(home)
    if report["supervisor"]["pid"] is None:
        return [Check("stack", True, "not running", "Start it with `callvault up`.")]
    ready = report["state"] == "ready"
    checks = [Check("stack", ready, report["state"], "" if ready else f"See {home.log('supervisor')}.")]
    for each in report["processes"]:
        state, remedy = each["state"], f"See {each['log']}."
        if state == "ready" and each["name"] not in {"kafka", "postgres"}:
            reasons = readiness(each["port"])
            state = "ready" if reasons == "" else f"not ready: {reasons or 'no answer'}"
        found = "; ".join([f"{state}, {each['restarts']} restarts", *_notices(each)])
        checks.append(Check(each["name"], state == "ready", found, remedy))
    return checks


def _notices(process: dict[str, Any]) -> list[str]:
    """What a service says of itself besides, such as that a speech model ends soon."""
    if process["state"] != "ready" or process["name"] in {"kafka", "postgres"}:
        return []
    return notices(process["port"])


def _outside() -> list[Check]:
    """Whether each named server takes a connection; no password is used or shown."""
    checks: list[Check] = []
    for address in filter(None, os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "").split(",")):
        host, _, port = address.strip().rpartition(":")
        checks.append(_connects("KAFKA_BOOTSTRAP_SERVERS", host, int(port) if port.isdigit() else 9092))
    try:
        database_is_outside()
    except CallvaultError as error:
        checks.append(Check("database", False, error.message, error.remedy))
    names = [name for name in (MIGRATION_URL, *ROLE_URLS, "TRANSCRIBER_BASE_URL") if os.environ.get(name)]
    return [*checks, *(_url_connects(name, os.environ[name]) for name in names)]


def _url_connects(name: str, url: str) -> Check:
    try:
        parts = urlsplit(url)
        return _connects(name, parts.hostname or "localhost", parts.port or _PORTS.get(parts.scheme, 443))
    except ValueError:
        return Check(name, False, "it is no URL", f"Correct {name}.")


def _connects(name: str, host: str, port: int) -> Check:
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError as error:
        remedy = f"Start that server, or correct {name}."
        return Check(name, False, f"{host}:{port} takes no connection: {error}", remedy)
    return Check(name, True, f"{host}:{port} takes connections")
