"""The commands of a person or a program beside a running stack."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live import COMMAND, OURS, SPEECH, Live

_FILES = ("standup.m4a", "support.m4a", "silence.m4a", "document.m4a", "nowhere.mp3")


class Command:
    """`callvault` in the home of the running stack, or elsewhere with the settings that are given."""

    def __init__(self, home: Path, **settings: str) -> None:
        outer = {name: value for name, value in os.environ.items() if name not in OURS}
        self.home = home
        self.environment = outer | {"CALLVAULT_HOME": str(home), **settings}

    def run(self, *words: str, say: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *words], env=self.environment, input=say, capture_output=True, text=True, check=False
        )

    def json(self, *words: str) -> list[dict[str, Any]]:
        """The objects of a successful command's lines."""
        answer = self.run(*words, "--json")
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def command(live: Live) -> Command:
    return Command(live.home.path)


@pytest.fixture(scope="module")
def imported(command: Command) -> dict[str, dict[str, Any]]:
    """What became of some good and bad files, by name."""
    done = command.run("import", "--wait", "--json", *(str(SPEECH / name) for name in _FILES))
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(line["file"]).name: line for line in lines}


def _sign_in(live: Live, email: str, password: str) -> bool:
    account = {"email": email, "password": password}
    return httpx.post(f"{live.url}/api/session", json=account, trust_env=False).is_success


def test_an_import_says_what_became_of_every_file(
    imported: dict[str, dict[str, Any]], command: Command
) -> None:
    assert set(imported) == set(_FILES)
    spoken, silent = imported["standup.m4a"], imported["silence.m4a"]
    assert set(spoken) == {"file", "job_id", "status", "result", "recording_id", "error"}
    assert (spoken["result"], spoken["status"], spoken["error"]) == ("imported", "completed", None)
    assert (silent["result"], silent["status"], silent["error"]["code"]) == ("failed", "failed", "no_speech")
    assert silent["error"]["message"] in command.run("jobs", silent["job_id"]).stdout
    assert imported["document.m4a"]["error"]["code"] == "not_audio"
    assert imported["nowhere.mp3"]["error"]["code"] == "file_not_readable"
    assert "broken printer" in command.run("recordings", imported["support.m4a"]["recording_id"]).stdout


def test_beside_a_running_stack_the_demo_says_what_is_there_and_leaves_it_running(
    imported: dict[str, dict[str, Any]], command: Command, live: Live
) -> None:
    shown = command.run("demo")
    assert shown.returncode == 0, shown.stderr
    assert "An earlier run has imported this recording" in shown.stdout
    assert f"standup.m4a: duplicate, recording {imported['standup.m4a']['recording_id']}" in shown.stdout
    assert "The page is ready" in shown.stdout
    assert "ce_type          callvault.recording.created.v1" in shown.stdout
    assert "They are left out, because this stack runs without the sandbox" in shown.stdout
    assert live.process("kafka")["state"] == "ready"


def test_recordings_are_listed_for_people_and_for_programs(
    imported: dict[str, dict[str, Any]], command: Command
) -> None:
    assert "standup" in command.run("recordings").stdout
    one = next(each for each in command.json("recordings") if each["title"] == "standup")
    assert one["id"] == imported["standup.m4a"]["recording_id"]
    [whole] = command.json("recordings", one["id"])
    assert len(whole["full_transcript"]) == one["transcript_length"]


def test_an_import_that_waits_survives_the_death_of_the_gateway(command: Command, live: Live) -> None:
    words = ["import", "--wait", "--json", str(SPEECH / "interview.mov")]
    with subprocess.Popen(
        [COMMAND, *words], env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stderr
        assert waiting.stdout
        for line in waiting.stderr:
            if "waiting for its turn" in line:
                os.kill(live.process("ingest-gateway")["pid"], signal.SIGKILL)
                break
        waiting.stderr.read()
        outcome = json.loads(waiting.stdout.read())
    assert outcome["result"] == "imported"
    assert waiting.returncode == 0


def test_without_waiting_an_import_answers_at_once_and_a_second_one_joins_it(command: Command) -> None:
    kitchen = str(SPEECH / "kitchen.webm")
    [line] = command.json("import", kitchen)
    assert (line["result"], line["recording_id"]) == (None, None)
    [joined] = command.json("import", "--wait", kitchen)
    [job] = command.json("jobs", line["job_id"])
    assert (job["status"], job["items"][0]["status"]) == ("completed", "imported")
    assert (joined["result"], joined["recording_id"]) == ("duplicate", job["items"][0]["recording_id"])


def test_a_token_that_the_database_no_longer_knows_is_replaced(
    imported: dict[str, dict[str, Any]], command: Command, live: Live
) -> None:
    live.home.keep_credentials({"token": "cv_forgotten"})
    assert imported["standup.m4a"]["recording_id"] in command.run("recordings").stdout
    assert live.home.credentials()["token"] != "cv_forgotten"


def test_a_new_user_signs_in_and_has_a_library_of_their_own(
    command: Command, live: Live, tmp_path: Path
) -> None:
    name, password = secrets.token_hex(6), "correct horse battery"
    words = ("user", "add", f"{name}@Example.com", "--plan", "free", "--password-stdin", "--token")
    added = command.run(*words, say=f"{password}\n")
    assert added.returncode == 0, added.stderr
    assert password not in added.stdout
    assert _sign_in(live, f"{name}@example.com", password)
    [token] = re.findall(r"API token: (cv_\S+)", added.stdout)
    theirs = Command(tmp_path / "home", CALLVAULT_URL=live.url, CALLVAULT_TOKEN=token)
    assert theirs.json("recordings") == []
    assert command.run(*words, say=f"{password}\n").stderr.startswith("user_exists: ")


def test_a_user_for_whom_nobody_is_asked_gets_a_random_password(command: Command, live: Live) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    added = command.run("user", "add", email, "--plan", "unlimited")
    [password] = re.findall(r"Password: (\S+)", added.stdout)
    assert _sign_in(live, email, password)


def test_tail_shows_what_lies_on_a_topic(imported: dict[str, dict[str, Any]], command: Command) -> None:
    [event] = command.json("tail", "recording.created", "--from-start", "-n", "1")
    assert event["headers"]["ce_type"] == "callvault.recording.created.v1"
    assert event["headers"]["ce_id"] == f"recording.created:{event['payload']['recording_id']}"


def test_an_unknown_topic_is_a_sentence_with_the_known_ones(command: Command) -> None:
    failed = command.run("tail", "recordings.created")
    assert failed.returncode == 1
    assert failed.stderr.startswith("unknown_topic: ")
    assert "recording.created" in failed.stderr


def test_migrate_brings_the_database_to_the_newest_revision(command: Command) -> None:
    assert command.run("migrate").returncode == 0
    failed = command.run("migrate", "tomorrow")
    assert (failed.returncode, failed.stderr.split(":")[0]) == (1, "unknown_revision")


def test_a_wrong_token_and_a_wrong_id_are_the_gateways_sentences(
    command: Command, live: Live, tmp_path: Path
) -> None:
    nobody = Command(tmp_path / "home", CALLVAULT_URL=live.url, CALLVAULT_TOKEN="cv_wrong")
    refused = nobody.run("recordings")
    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "invalid_token")
    missing = command.run("recordings", "00000000-0000-0000-0000-000000000000")
    assert (missing.returncode, missing.stderr.split(":")[0]) == (1, "not_found")
