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


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home = tmp_path_factory.mktemp("demo") / "home"
    command = Command(home, _SERVICES, {"CALLVAULT_URL": "", "CALLVAULT_TOKEN": ""})
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

    settings = {"TERM": "xterm-256color", "COLUMNS": "200", "DEMO_EXIT": "1", "ZOOM_CLIENT_ID": "the-real-one"}
    environment = command.environment | settings
    process = subprocess.Popen([_COMMAND, *arguments], env=environment, stdin=theirs, stdout=theirs)
    os.close(theirs)
    watcher = Thread(target=watch)
    watcher.start()
    code = process.wait(240)
    watcher.join()
    return code, _ANSI.sub("", drawn.decode(errors="replace"))


@pytest.fixture(scope="module")
def told(command: Command) -> str:
    """What one whole demo draws."""
    code, told = _run_on_a_terminal(command, "demo")
    assert code == 0, told
    return told


@pytest.mark.timeout(300)  # everything is started, on whatever machine this is
def test_the_demo_imports_shows_transcript_event_and_duplicate_and_stops(command: Command, told: str) -> None:
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


def test_the_demo_connects_fathom_and_zoom_and_their_calls_come_in_with_a_bar_for_each(told: str) -> None:
    for source in ("Fathom", "Zoom"):
        assert re.search(rf"{source}: maya@\S+ is connected", told), told
    assert re.search(r"Fathom +━+\S* \S+ \d+ of 21 calls: \d+ imported", told)
    assert re.search(r"Fathom +━+ \S+ 21 of 21 calls: 20 imported, 1 failed", told)
    assert re.search(r"Zoom +━+ \S+ 10 of 10 calls: 10 imported", told)
    assert "Zoom answered 503 once." in told


def test_the_demo_shows_a_failure_in_a_sentence_and_its_retry(told: str) -> None:
    shown = re.search(r"A failure, and its retry(.*)A new call, by webhook", told, re.DOTALL)
    assert shown
    assert "Allow it there, then retry. (source_forbidden)" in shown[1]
    title = re.search(r"All others came in\.\s+(.+?)\r?\n", shown[1])
    assert title
    assert re.search(r"Fathom +━+ \S+ 21 of 21 calls: 21 imported", shown[1])
    assert re.search(rf"{re.escape(title[1].strip())}: imported, recording [\w-]+", shown[1])


def test_the_demo_shows_the_row_and_the_event_of_a_call_that_a_webhook_brought(told: str) -> None:
    shown = re.search(r"A new call, by webhook(.*)Syncing both again", told, re.DOTALL)
    assert shown
    assert "recording.completed and recording.transcript_completed" in shown[1]
    assert "Elena Petrova: Perfect. Tuesday morning suits all of us." in shown[1]
    row = re.search(r"  id +([\w-]{36})", shown[1])
    assert row
    assert f"ce_id            recording.created:{row[1]}" in shown[1]


def test_the_demo_finds_nothing_new_the_second_time_and_lets_go_of_the_accounts(told: str) -> None:
    shown = re.search(r"Syncing both again(.*)The app is running", told, re.DOTALL)
    assert shown
    for source in ("Fathom", "Zoom"):
        assert re.search(rf"{source} +━+ \S+ nothing new", shown[1])
    assert "Nothing new. Every call was known by its id" in shown[1]
    assert "Fathom and Zoom are disconnected. Their 32 calls stay in the library." in shown[1]
    assert re.search(r"sandbox: stopped.*the stack has stopped", told, re.DOTALL)


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
