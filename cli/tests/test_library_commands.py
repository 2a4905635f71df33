"""The commands on a real stack: first the demo from an empty home, then the same home running."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psutil
import pytest

from callvault.commands.tail import describe
from callvault.embedded.postgres import Postgres
from callvault.environment import GATEWAY, gateway_url
from callvault.home import Home
from callvault.ports import free_port, remember_port
from callvault.topic_reader import Received

from .command import Command, wait_for

_ROOT = Path(__file__).parents[2]
_SPEECH = _ROOT / "tests" / "speech"
_COMMAND = Path(sys.executable).with_name("callvault")
pytestmark = pytest.mark.timeout(300)  # the first test waits for two starts of everything
_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    settings = {"CALLVAULT_URL": "", "CALLVAULT_TOKEN": "", "DEMO_EXIT": "1"}
    command = Command(tmp_path_factory.mktemp("library") / "home", _ROOT / "services", settings)
    # Not the usual one: another stack on this machine may be about to take it.
    remember_port(Home(command.home), GATEWAY, free_port())
    yield command
    Postgres(command.home).remove()


@pytest.fixture(scope="module")
def demo(command: Command) -> subprocess.CompletedProcess[str]:
    """The demo on an empty home, without a terminal."""
    return subprocess.run(
        [_COMMAND, "demo"], env=command.environment, capture_output=True, text=True, check=False, timeout=240
    )


@dataclass
class Watched:
    """A command that runs on a terminal of its own, and what it has drawn there."""

    process: subprocess.Popen[bytes]
    drawn: bytes = b""

    @property
    def text(self) -> str:
        return _ANSI.sub("", self.drawn.decode(errors="replace"))

    def watch(self, terminal: int) -> None:
        try:
            while piece := os.read(terminal, 4096):
                self.drawn += piece
        except OSError:  # the command has closed its side
            os.close(terminal)


@pytest.fixture(scope="module")
def served(command: Command, demo: subprocess.CompletedProcess[str]) -> Iterator[Watched]:
    """The demo once more on the same home, on a terminal: it serves until Ctrl-C."""
    ours, theirs = pty.openpty()
    environment = command.environment | {"TERM": "xterm-256color", "COLUMNS": "120", "DEMO_EXIT": "0"}
    watched = Watched(subprocess.Popen([_COMMAND, "demo"], env=environment, stdin=theirs, stdout=theirs))
    os.close(theirs)
    watcher = Thread(target=watched.watch, args=(ours,))
    watcher.start()
    wait_for(lambda: "Ctrl-C stops it." in watched.text or watched.process.poll() is not None, within=240)
    yield watched
    processes = [psutil.Process(each["pid"]) for each in command.processes().values()]
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(60) == 0
    watcher.join()
    assert not psutil.wait_procs(processes, timeout=10)[1]


@pytest.fixture(scope="module")
def stack(command: Command, served: Watched) -> Command:
    """The command beside the stack that the demo serves."""
    assert served.process.poll() is None, served.text
    return command


def _lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def _url(stack: Command) -> str:
    return str(gateway_url(Home(stack.home)))


def _token(stack: Command) -> str:
    return str(json.loads((stack.home / "credentials.json").read_text())["token"])


def _as(stack: Command, token: str) -> Command:
    """The same command for a user elsewhere, who has an address and a token and nothing else."""
    home = stack.home.with_name("elsewhere")
    return Command(home, stack.services, {"CALLVAULT_URL": _url(stack), "CALLVAULT_TOKEN": token})


def test_the_demo_shows_transcript_event_and_duplicate_and_stops(
    command: Command, demo: subprocess.CompletedProcess[str]
) -> None:
    assert demo.returncode == 0, demo.stderr
    told = demo.stdout
    recording = re.search(r"standup.m4a: imported, recording (\S+)", told)
    assert recording, told
    assert "The page is ready" in told
    assert f"ce_id            recording.created:{recording[1]}" in told
    assert "ce_type          callvault.recording.created.v1" in told
    assert f'"recording_id": "{recording[1]}"' in told
    assert f"standup.m4a: duplicate, recording {recording[1]}" in told
    assert re.search(r"http://127.0.0.1:\d+/docs", told)
    assert command.run("status").returncode == 3


def test_the_demo_shows_no_secret(command: Command, demo: subprocess.CompletedProcess[str]) -> None:
    secrets = json.loads((command.home / "secrets.json").read_text()).values()
    for secret in (_token(command), *secrets):
        assert secret not in demo.stdout + demo.stderr
    assert stat.S_IMODE((command.home / "credentials.json").stat().st_mode) == 0o600


def test_the_demo_says_so_when_the_recording_is_there_and_leaves_a_running_stack_alone(stack: Command) -> None:
    again = stack.run("demo")
    assert again.returncode == 0, again.stderr
    assert "An earlier run has imported this recording" in again.stdout
    assert "The page is ready" in again.stdout
    assert "ce_type          callvault.recording.created.v1" in again.stdout
    assert stack.status()["state"] == "ready"


def test_on_a_terminal_bars_are_drawn(served: Watched) -> None:
    assert "━━━━━" in served.text
    assert re.search(r"standup.m4a ━+ 100% .* duplicate, recording", served.text)


def test_an_import_says_what_became_of_every_file(stack: Command) -> None:
    files = ["support.m4a", "silence.m4a", "standup.m4a", "document.m4a", "nowhere.mp3"]
    done = stack.run("import", "--wait", "--json", *(str(_SPEECH / name) for name in files))
    assert done.returncode == 1, done.stderr
    lines = {Path(line["file"]).name: line for line in _lines(done.stdout)}
    assert set(lines) == set(files)
    assert set(lines["support.m4a"]) == {"file", "job_id", "status", "result", "recording_id", "error"}
    assert (lines["support.m4a"]["result"], lines["support.m4a"]["status"]) == ("imported", "completed")
    silent = lines["silence.m4a"]
    assert (silent["result"], silent["status"], silent["error"]["code"]) == ("failed", "failed", "no_speech")
    assert silent["error"]["message"] in stack.run("jobs", silent["job_id"]).stdout
    assert lines["standup.m4a"]["result"] == "duplicate"
    assert lines["standup.m4a"]["recording_id"]
    assert (lines["document.m4a"]["result"], lines["document.m4a"]["error"]["code"]) == ("failed", "not_audio")
    assert lines["nowhere.mp3"]["error"]["code"] == "file_not_readable"
    shown = stack.run("recordings", lines["support.m4a"]["recording_id"])
    assert "broken printer" in shown.stdout


def test_an_import_that_waits_survives_the_death_of_the_gateway(stack: Command) -> None:
    words = ["import", "--wait", "--json", str(_SPEECH / "interview.mov")]
    with subprocess.Popen(
        [_COMMAND, *words],
        env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as waiting:  # fmt: skip
        assert waiting.stderr
        assert waiting.stdout
        for line in waiting.stderr:
            if "waiting for its turn" in line:
                os.kill(stack.processes()["ingest-gateway"]["pid"], signal.SIGKILL)
                break
        waiting.stderr.read()
        [outcome] = _lines(waiting.stdout.read())
    assert outcome["result"] == "imported"
    assert waiting.returncode == 0


def test_without_waiting_an_import_answers_at_once_and_a_second_one_joins_it(stack: Command) -> None:
    kitchen = str(_SPEECH / "kitchen.webm")
    [line] = _lines(stack.run("import", "--json", kitchen).stdout)
    assert (line["result"], line["recording_id"]) == (None, None)
    [joined] = _lines(stack.run("import", "--wait", "--json", kitchen).stdout)
    [job] = _lines(stack.run("jobs", line["job_id"], "--json").stdout)
    assert (job["status"], job["items"][0]["status"]) == ("completed", "imported")
    assert (joined["result"], joined["recording_id"]) == ("duplicate", job["items"][0]["recording_id"])


def test_recordings_are_listed_for_people_and_for_programs(stack: Command) -> None:
    assert "standup" in stack.run("recordings").stdout
    listed = _lines(stack.run("recordings", "--json").stdout)
    assert "standup" in [recording["title"] for recording in listed]
    one = next(recording for recording in listed if recording["title"] == "standup")
    [whole] = _lines(stack.run("recordings", one["id"], "--json").stdout)
    assert len(whole["full_transcript"]) == one["transcript_length"]


def test_a_token_that_the_database_no_longer_knows_is_replaced(stack: Command) -> None:
    before = _token(stack)
    (stack.home / "credentials.json").write_text(json.dumps({"token": "cv_forgotten"}))
    listed = stack.run("recordings", "--json")
    assert "standup" in listed.stdout
    assert _token(stack) not in (before, "cv_forgotten")


def test_a_new_user_signs_in_and_has_a_library_of_their_own(stack: Command) -> None:
    added = subprocess.run(
        [_COMMAND, "user", "add", "Ann@Example.com", "--plan", "free",
         "--password-stdin", "--token"],
        env=stack.environment, input="correct horse battery\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "correct horse" not in added.stdout
    [token] = re.findall(r"API token: (cv_\S+)", added.stdout)
    ann = _as(stack, token)
    assert ann.run("recordings", "--json").stdout == ""
    assert _lines(ann.run("import", "--wait", "--json", str(_SPEECH / "budget.mp3")).stdout)[0]["recording_id"]
    account = {"email": "ann@example.com", "password": "correct horse battery"}
    assert httpx.post(f"{_url(stack)}/api/session", json=account, trust_env=False).is_success


def test_a_user_without_a_password_gets_a_random_one_once(stack: Command) -> None:
    added = stack.run("user", "add", "bob@example.com", "--plan", "unlimited")
    [password] = re.findall(r"Password: (\S+)", added.stdout)
    account = {"email": "bob@example.com", "password": password}
    assert httpx.post(f"{_url(stack)}/api/session", json=account, trust_env=False).is_success
    again = stack.run("user", "add", "BOB@example.com")
    assert again.returncode == 1
    assert again.stderr.startswith("user_exists: ")


def test_tail_shows_what_lies_on_a_topic(stack: Command) -> None:
    [event] = _lines(stack.run("tail", "recording.created", "--from-start", "-n", "1", "--json").stdout)
    assert event["headers"]["ce_type"] == "callvault.recording.created.v1"
    assert event["headers"]["ce_id"] == f"recording.created:{event['payload']['recording_id']}"
    received = Received(**{**event, "time": datetime.fromisoformat(event["time"])})
    assert f"ce_id: {event['headers']['ce_id']}" in describe(received)


def test_what_comes_from_kafka_cannot_steer_the_terminal() -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    received = Received(
        "import.results.dead", 0, 7, moment, "\x1b]0;owned\x07", {"reason": "\x9b2J"}, "a\x1b[2J"
    )
    assert not re.search(r"[\x1b\x07\x9b]", describe(received))


def test_an_unknown_topic_is_a_sentence_with_the_known_ones(stack: Command) -> None:
    failed = stack.run("tail", "recordings.created")
    assert failed.returncode == 1
    assert failed.stderr.startswith("unknown_topic: ")
    assert "recording.created" in failed.stderr


def test_migrate_brings_the_database_to_the_newest_revision(stack: Command) -> None:
    assert stack.run("migrate").returncode == 0
    failed = stack.run("migrate", "tomorrow")
    assert (failed.returncode, failed.stderr.split(":")[0]) == (1, "unknown_revision")


def test_refusals_are_the_gateways_sentences(stack: Command) -> None:
    nobody = _as(stack, "cv_wrong")
    refused = nobody.run("recordings")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    missing = stack.run("recordings", "00000000-0000-0000-0000-000000000000")
    assert (missing.returncode, missing.stderr.split(":")[0]) == (1, "not_found")


@pytest.mark.parametrize(
    "words", [("jobs",), ("recordings",), ("import", "call.mp3"), ("tail", "import.audio")]
)
def test_without_a_stack_a_command_says_so_with_code_3(words: tuple[str, ...], tmp_path: Path) -> None:
    answer = Command(tmp_path / "home", _ROOT / "services", {"CALLVAULT_URL": ""}).run(*words)
    assert answer.returncode == 3
    assert re.match(r"not_(running|started): .*callvault up", answer.stderr)


def test_a_gateway_that_does_not_answer_is_code_3(tmp_path: Path) -> None:
    settings = {"CALLVAULT_URL": "http://127.0.0.1:9", "CALLVAULT_TOKEN": "cv_x"}
    answer = Command(tmp_path / "home", _ROOT / "services", settings).run("jobs")
    assert (answer.returncode, answer.stderr.split(":")[0]) == (3, "not_reachable")


def test_an_address_without_a_token_is_refused(tmp_path: Path) -> None:
    settings = {"CALLVAULT_URL": "http://127.0.0.1:9", "CALLVAULT_TOKEN": ""}
    answer = Command(tmp_path / "home", _ROOT / "services", settings).run("jobs")
    assert (answer.returncode, answer.stderr.split(":")[0]) == (1, "token_missing")
