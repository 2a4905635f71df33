"""The demo from an empty home to its end, and what commands say where there is no stack."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from callvault.commands.tail import describe
from callvault.embedded.postgres import Postgres
from callvault.environment import GATEWAY
from callvault.home import Home
from callvault.ports import free_port, remember_port
from callvault.topic_reader import Received

from .command import Command

_COMMAND = Path(sys.executable).with_name("callvault")
_SERVICES = Path(__file__).parents[2] / "services"
_NOWHERE = {"CALLVAULT_URL": "http://127.0.0.1:9"}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path / "home", _SERVICES, {"CALLVAULT_URL": "", "CALLVAULT_TOKEN": ""})
    # Not the usual one: another stack on this machine may be about to take it.
    remember_port(Home(command.home), GATEWAY, free_port())
    yield command
    Postgres(command.home).remove()


def _run_on_a_terminal(command: Command, *arguments: str) -> tuple[int, str]:
    """Exit code, and what was drawn, without colours and movements."""
    ours, theirs = pty.openpty()
    drawn = bytearray()

    def watch() -> None:
        try:
            while piece := os.read(ours, 4096):
                drawn.extend(piece)
        except OSError:  # the command has closed its side
            os.close(ours)

    environment = command.environment | {"TERM": "xterm-256color", "COLUMNS": "200", "DEMO_EXIT": "1"}
    process = subprocess.Popen([_COMMAND, *arguments], env=environment, stdin=theirs, stdout=theirs)
    os.close(theirs)
    watcher = Thread(target=watch)
    watcher.start()
    code = process.wait(240)
    watcher.join()
    return code, _ANSI.sub("", drawn.decode(errors="replace"))


@pytest.mark.timeout(300)  # everything is started, on whatever machine this is
def test_the_demo_imports_shows_transcript_event_and_duplicate_and_stops(command: Command) -> None:
    code, told = _run_on_a_terminal(command, "demo")
    assert code == 0, told
    recording = re.search(r"standup.m4a ━+ 100% \S+ imported, recording ([\w-]+)", told)
    assert recording, told
    assert "The page is ready" in told
    assert f"ce_id            recording.created:{recording[1]}" in told
    assert "ce_type          callvault.recording.created.v1" in told
    assert f'"recording_id": "{recording[1]}"' in told
    assert re.search(rf"standup.m4a ━+ 100% \S+ duplicate, recording {recording[1]}", told)
    assert re.search(r"http://127.0.0.1:\d+/docs", told)
    assert command.run("status").returncode == 3
    credentials = command.home / "credentials.json"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    secrets = json.loads((command.home / "secrets.json").read_text()).values()
    for secret in (json.loads(credentials.read_text())["token"], *secrets):
        assert secret not in told


@pytest.mark.parametrize("words", [("import", "call.mp3"), ("tail", "import.audio")])
def test_without_a_stack_a_command_says_so_with_code_3(words: tuple[str, ...], tmp_path: Path) -> None:
    answer = Command(tmp_path / "home", _SERVICES, {"CALLVAULT_URL": ""}).run(*words)
    assert answer.returncode == 3
    assert re.match(r"not_(running|started): .*callvault up", answer.stderr)


def test_a_gateway_that_does_not_answer_is_code_3(tmp_path: Path) -> None:
    answer = Command(tmp_path / "home", _SERVICES, _NOWHERE | {"CALLVAULT_TOKEN": "cv_x"}).run("jobs")
    assert (answer.returncode, answer.stderr.split(":")[0]) == (3, "not_reachable")


def test_an_address_without_a_token_is_refused(tmp_path: Path) -> None:
    answer = Command(tmp_path / "home", _SERVICES, _NOWHERE | {"CALLVAULT_TOKEN": ""}).run("jobs")
    assert (answer.returncode, answer.stderr.split(":")[0]) == (1, "token_missing")


def test_what_comes_from_kafka_cannot_steer_the_terminal() -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    received = Received(
        "import.results.dead", 0, 7, moment, "\x1b]0;owned\x07", {"reason": "\x9b2J"}, "a\x1b[2J"
    )
    assert not re.search(r"[\x1b\x07\x9b]", describe(received))
