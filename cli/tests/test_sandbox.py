"""The sandbox as one more process of a stack, and who is told of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.servers import connector_role
from tests.support.stack import Stack

from callvault.forking import Programs
from callvault.home import Home
from callvault.sandboxed import Sandbox, sandbox_address
from callvault.spawn import created

from .command import Command

_STEADY = Path(__file__).parent / "steady" / "steady-service" / "src" / "steady_service" / "__main__.py"
_NAMES = ("fathom-connector", "sample-connector", "steady-service")


@pytest.fixture
def command(stack: Stack, tmp_path: Path) -> Iterator[Command]:
    """Two connectors, of a source that the sandbox plays and of one that it does not, and another service.

    Kafka and PostgreSQL are the tests': what is looked at needs none of its own.
    """
    for name in _NAMES:
        package = tmp_path / "services" / name / "src" / name.replace("-", "_")
        package.mkdir(parents=True)
        (package / "__init__.py").touch()  # before the installed one of that name
        shutil.copy(_STEADY, package / "__main__.py")
    sources = ("fathom", "sample")
    urls = {f"{one.upper()}_CONNECTOR_DATABASE_URL": stack.url(connector_role(one)) for one in sources}
    given = stack.environment() | urls | {"FATHOM_CLIENT_ID": "the-real-one"}
    yield (command := Command(tmp_path / "home", tmp_path / "services", given))
    command.run("down")


def environment_of(process: dict[str, Any]) -> dict[str, str]:
    return dict(httpx.get(f"http://127.0.0.1:{process['port']}/environment").json())


def test_with_the_sandbox_only_the_connectors_that_it_plays_for_are_led_there(command: Command) -> None:
    started = command.run("up", "--detach", "--sandbox")
    assert started.returncode == 0, started.stderr
    processes = command.processes()
    assert set(processes) == {"sandbox", *_NAMES}
    address = sandbox_address(Home(command.home))
    assert address
    assert httpx.get(f"{address}/admin/state").json()["meetings"]["fathom"] > 20

    fathom = environment_of(processes["fathom-connector"])
    assert fathom["FATHOM_API_URL"] == f"{address}/fathom/external/v1"
    assert (fathom["FATHOM_CLIENT_ID"], fathom["ALLOW_PRIVATE_ADDRESSES"]) == ("sandbox-client", "true")
    assert not any(name.startswith("ZOOM_") for name in fathom)
    for name in ("sample-connector", "steady-service"):
        told = environment_of(processes[name])
        assert address not in str(told)
        assert "ALLOW_PRIVATE_ADDRESSES" not in told

    stopped = command.run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert all(created(process["pid"]) is None for process in processes.values())


def test_the_sandbox_is_given_no_secret_of_the_stack(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (stack.environment() | {"CREDENTIALS_KEYS": "a", "WEBHOOK_KEYS": "b"}).items():
        monkeypatch.setenv(name, value)
    given = Sandbox(Home(tmp_path), Programs(tmp_path / "forkserver.log")).process.environment()
    assert given["HTTP_PORT"]
    assert not any("DATABASE_URL" in name or "KEYS" in name for name in given)


def test_without_being_asked_for_the_sandbox_does_not_run(command: Command) -> None:
    started = command.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert set(command.processes()) == set(_NAMES)
    assert sandbox_address(Home(command.home)) is None
    fathom = environment_of(command.processes()["fathom-connector"])
    assert fathom["FATHOM_CLIENT_ID"] == "the-real-one"
    assert "FATHOM_API_URL" not in fathom
