"""The whole stack under its supervisor: real servers, and a service that is a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from callvault.embedded.postgres import Postgres
from callvault.environment import stack_environment
from callvault.home import Home
from callvault.services import readiness
from callvault.spawn import created

from .command import Command, wait_for

_HERE = Path(__file__).parent
_PROCESSES = {"kafka", "postgres", "steady-service"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A stack that runs in the background."""
    command = Command(tmp_path_factory.mktemp("stack") / "home", _HERE / "steady")
    started = command.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield command
    stopped = command.run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert command.run("status").returncode == 3
    assert "stopped in order" in (command.home / "logs" / "steady-service.log").read_text()
    Postgres(command.home).remove()


@pytest.fixture
def beside(stack: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A second home that uses the first one's servers as outside servers."""
    for name in set(os.environ) - set(Command(tmp_path, tmp_path).environment):
        monkeypatch.delenv(name)
    environment = stack_environment(Home(stack.home))
    named = {name: environment[name] for name in environment if name.endswith("_DATABASE_URL")}
    del named["MIGRATION_DATABASE_URL"]
    given = {"KAFKA_BOOTSTRAP_SERVERS": environment["KAFKA_BOOTSTRAP_SERVERS"]}
    return Command(tmp_path / "home", _HERE / "steady", given | named)


def test_status_names_every_process_and_address_for_programs(stack: Command) -> None:
    status = json.loads(stack.run("status", "--json").stdout)
    assert status["state"] == "ready"
    assert created(status["supervisor"]["pid"])
    processes = {process["name"]: process for process in status["processes"]}
    assert set(processes) == _PROCESSES
    assert all(process["state"] == "ready" for process in processes.values())
    assert status["urls"]["kafka"] == f"127.0.0.1:{processes['kafka']['port']}"
    assert readiness(processes["steady-service"]["port"]) == ""


def test_the_database_server_does_not_run_as_root(stack: Command) -> None:
    assert psutil.Process(stack.processes()["postgres"]["pid"]).uids().real != 0


def test_the_doctor_finds_a_running_stack_well(stack: Command) -> None:
    answer = stack.run("doctor")
    assert answer.returncode == 0, answer.stdout
    assert "steady-service: ready, 0 restarts; its model ends soon" in answer.stdout


def test_every_process_that_is_killed_comes_back_where_it_was(stack: Command) -> None:
    before = stack.processes()
    for name in _PROCESSES:
        os.kill(before[name]["pid"], signal.SIGKILL)

    def all_back() -> bool:
        now = stack.processes()
        assert all(each["pid"] for each in now.values() if each["state"] == "ready")
        return all(now[name]["state"] == "ready" and now[name]["pid"] != before[name]["pid"] for name in now)

    wait_for(all_back)
    after = stack.processes()
    assert {name: after[name]["port"] for name in after} == {name: before[name]["port"] for name in before}
    assert all(after[name]["restarts"] == before[name]["restarts"] + 1 for name in after)


def test_nothing_outlives_a_killed_supervisor_and_the_stack_starts_again(stack: Command) -> None:
    before = stack.status()
    os.kill(before["supervisor"]["pid"], signal.SIGKILL)
    wait_for(lambda: stack.status()["state"] == "stopped")
    again = stack.run("up", "--detach")
    assert again.returncode == 0, again.stderr
    old = {process["pid"] for process in before["processes"]}
    wait_for(lambda: all(created(pid) is None for pid in old))
    ports = {process["name"]: process["port"] for process in before["processes"]}
    assert {name: process["port"] for name, process in stack.processes().items()} == ports


def test_a_second_stack_on_the_same_home_is_refused(stack: Command) -> None:
    assert stack.run("up", "--detach").returncode == 4
    at_once = subprocess.run(
        [sys.executable, "-m", "callvault.supervisor"],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert at_once.returncode == 1
    assert "already_running" in at_once.stderr
    assert stack.status()["state"] == "ready"


def test_a_stack_that_cannot_start_says_which_process_failed_and_why(beside: Command) -> None:
    broken = Command(beside.home, _HERE / "broken", beside.settings)
    answer = broken.run("up", "--detach")
    assert answer.returncode == 1
    assert "broken-service ended with code 1" in answer.stderr
    assert "the flux capacitor is missing" in answer.stderr
    assert broken.status()["state"] == "stopped"


def test_a_connector_that_crashes_holds_up_nobody_and_status_says_why(beside: Command, tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.mkdir()
    (services / "steady-service").symlink_to(_HERE / "steady" / "steady-service")
    main = services / "limping-connector" / "src" / "limping_connector" / "__main__.py"
    main.parent.mkdir(parents=True)
    main.write_text("raise SystemExit('the crutch is missing')")
    url = {"LIMPING_CONNECTOR_DATABASE_URL": "postgresql://callvault_connector_limping:x@127.0.0.1:1/callvault"}
    limping = Command(beside.home, services, beside.settings | url)
    started = limping.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    try:
        told = limping.processes()
        assert limping.status()["state"] == "ready"
        assert (told["steady-service"]["state"], told["steady-service"]["problem"]) == ("ready", None)
        assert "ended with code 1" in told["limping-connector"]["problem"]
        shown = limping.run("status").stdout
        assert "limping-connector does not run:" in shown
        assert "the crutch is missing" in shown

        wait_for(lambda: limping.processes()["limping-connector"]["restarts"] > 1)
        main.write_text(
            (_HERE / "steady" / "steady-service" / "src" / "steady_service" / "__main__.py").read_text()
        )
        wait_for(lambda: limping.processes()["limping-connector"]["state"] == "ready")
        assert limping.processes()["limping-connector"]["problem"] is None
    finally:
        assert limping.run("down").returncode == 0


def test_with_outside_servers_only_services_are_started_and_ctrl_c_stops_them(beside: Command) -> None:
    with beside.start("up") as foreground:
        try:
            wait_for(lambda: beside.status()["state"] == "ready", within=90)
            processes = beside.processes()
            assert set(processes) == {"steady-service"}
        finally:
            foreground.send_signal(signal.SIGINT)
        assert foreground.wait(90) == 0
    assert created(processes["steady-service"]["pid"]) is None


def test_the_doctor_names_a_server_that_does_not_answer(beside: Command) -> None:
    deaf = Command(beside.home, beside.services, beside.settings | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    answer = deaf.run("doctor")
    assert answer.returncode == 1
    assert "PROBLEM  KAFKA_BOOTSTRAP_SERVERS: 127.0.0.1:9 takes no connection" in answer.stdout
