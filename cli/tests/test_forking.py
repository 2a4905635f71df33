"""Our programs as forks of one process: what a service notices of that (nothing), and what is left of it (nothing)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from callvault import forkserver
from callvault.forking import Programs
from callvault.spawn import Child, created

from .command import wait_for

SELF = """
import json, os, sys
print(json.dumps({
    "name": __name__, "arguments": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ),
    "session": os.getsid(0) == os.getpid(), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "shared": "sqlalchemy" in sys.modules,
}))
sys.exit(7)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two modules: one that says what it is and ends with 7, one that stays."""
    (tmp_path / "tells.py").write_text(SELF)
    (tmp_path / "stays.py").write_text("import signal; print('up', flush=True); signal.pause()")
    return tmp_path


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """A starter of programs. Its server is started with the first of them."""
    made = Programs(tmp_path_factory.mktemp("programs") / "forkserver.log")
    yield made
    made.close()


def start(programs: Programs, module: str, folder: Path, **environment: str) -> Child:
    given = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], **environment}
    return programs.start(module, log=folder / f"{module}.log", environment=given, folder=folder)


def staying(programs: Programs, folder: Path) -> Child:
    """One that is up."""
    child = start(programs, "stays", folder)
    wait_for(lambda: (folder / "stays.log").read_text().count("up") or None)
    return child


def test_a_program_finds_its_own_environment_folder_and_log_and_what_it_imports_is_there(
    programs: Programs, folder: Path
) -> None:
    child = start(programs, "tells", folder, GREETING="hello")
    assert child.wait(60) == child.returncode == 7
    told = json.loads((folder / "tells.log").read_text())
    assert told.pop("environment") == {
        "PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "GREETING": "hello"
    }  # fmt: skip
    assert told == {
        "name": "__main__", "arguments": [str(folder / "tells.py")], "folder": str(folder), "session": True,
        "descriptors": [0, 1, 2], "shared": True,
    }  # fmt: skip


def test_what_is_shared_has_started_no_thread(programs: Programs, folder: Path) -> None:
    child = staying(programs, folder)
    server = psutil.Process(child.pid).parent()
    assert server
    assert server.num_threads() == 1
    child.kill()
    assert child.wait(10) == -signal.SIGKILL


def test_it_is_listed_as_the_program_that_it_is(programs: Programs, folder: Path) -> None:
    child = staying(programs, folder)
    listed = psutil.Process(child.pid)
    assert " ".join(listed.cmdline()).strip() == f"{sys.executable} -P -m stays"
    assert listed.name() == "stays"
    child.kill()
    assert child.wait(10) == -signal.SIGKILL


def test_how_it_ended_is_known_to_whoever_asks(programs: Programs, folder: Path) -> None:
    child = staying(programs, folder)
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.terminate()
    assert child.wait(10) == child.poll() == -signal.SIGTERM
    child.kill()  # nobody's process by now


def test_a_program_that_cannot_run_says_why_in_its_log(programs: Programs, folder: Path) -> None:
    assert start(programs, "nowhere", folder).wait(60) == 1
    assert "No module named nowhere" in (folder / "nowhere.log").read_text()


def test_the_death_of_the_server_takes_all_with_it_and_the_next_start_has_a_new_one(
    programs: Programs, folder: Path
) -> None:
    first, second = staying(programs, folder), staying(programs, folder)
    (server,) = {psutil.Process(child.pid).ppid() for child in (first, second)}
    os.kill(server, signal.SIGKILL)
    assert [child.wait(10) for child in (first, second)] == [-signal.SIGKILL] * 2
    assert created(first.pid) is created(second.pid) is None
    assert start(programs, "tells", folder).wait(60) == 7


def test_where_there_is_no_room_for_one_more_the_server_stays_and_whoever_asked_is_told(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def no_room() -> int:
        raise BlockingIOError("no room")

    monkeypatch.setattr(os, "fork", no_room)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told, tell = os.pipe()
    with ours, theirs, (folder / "log").open("wb") as log, os.fdopen(told) as telling:
        socket.send_fds(ours, [b"{}"], [log.fileno(), tell])
        os.close(tell)
        ours.shutdown(socket.SHUT_WR)
        assert forkserver.serve(theirs) is None  # it has gone on to the end of the channel
        assert telling.read() == ""


def test_what_is_too_long_to_ask_for_is_started_by_itself(programs: Programs, folder: Path) -> None:
    long = {f"LONG_{n}": "x" * 100_000 for n in range(3)}
    assert start(programs, "tells", folder, **long).wait(60) == 7
    told = json.loads((folder / "tells.log").read_text())
    assert told["environment"]["LONG_2"] == "x" * 100_000
    assert not told["shared"]


def test_nothing_outlives_whoever_started_it(folder: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from callvault.forking import Programs\n"
        "folder = Path(sys.argv[1]); programs = Programs(folder / 'forkserver.log')\n"
        "environment = {'PYTHONPATH': str(folder)}\n"
        "child = programs.start('stays', log=folder / 'stays.log', environment=environment, folder=folder)\n"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        assert ours.stdout
        pid = int(ours.stdout.readline())
        server = psutil.Process(pid).ppid()
        ours.kill()
        wait_for(lambda: created(pid) is created(server) is None or None)
