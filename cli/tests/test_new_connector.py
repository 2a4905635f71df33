"""`callvault new-connector` and `connector check`: what they write, refuse, find and print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .command import Command

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A folder of services of the test's own, with what the check needs of ours."""
    services = tmp_path / "services"
    services.mkdir()
    for name in ("ingest-gateway", "recorder", "fathom-connector"):
        (services / name).symlink_to(_ROOT / "services" / name)
    return Command(tmp_path / "home", services)


def check(command: Command, *arguments: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    done = subprocess.run(
        [Path(sys.executable).with_name("callvault"), "connector", "check", *arguments],
        env=command.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_bad_and_taken_names_are_refused_with_a_sentence(command: Command) -> None:
    for name in ("Zoom", "my_calls", "9lives", "a--b", "x" * 41, "zoom-connector", "../etc", "été"):
        answer = command.run("new-connector", name)
        assert answer.returncode == 1
        assert "bad_name: A source cannot be called" in answer.stderr
    for name in ("fathom", "file-upload"):
        assert f"name_taken: There is a source {name} already." in command.run("new-connector", name).stderr
    assert len(list(command.services.iterdir())) == 3


def test_a_folder_that_is_there_is_left_alone(command: Command) -> None:
    (command.services / "my-calls-connector").mkdir()
    assert "name_taken" in command.run("new-connector", "my-calls").stderr
    assert list((command.services / "my-calls-connector").iterdir()) == []


def test_what_cannot_be_checked_is_said_in_a_sentence(command: Command) -> None:
    assert "unknown_connector: There is no services/nobody-connector." in check(command, "nobody")[1]
    assert command.run("new-connector", "my-calls").returncode == 0
    provider = command.services / "my-calls-connector" / "tests" / "provider.py"
    provider.write_text("PROVIDER = Provider()\n")
    told = check(command, "my-calls")[1]
    assert "provider_broken" in told
    assert "line 1: NameError" in told
    provider.unlink()
    assert "provider_missing" in check(command, "my-calls")[1]
    assert "unknown_case: There is no case everything." in check(command, "fathom", "--case", "everything")[1]


@pytest.mark.timeout(400)
def test_a_new_connector_passes_every_case_as_it_is_written(command: Command) -> None:
    assert command.run("new-connector", "my-calls").returncode == 0
    code, told = check(command, "my-calls")
    assert code == 0, told
    assert "The connector of my-calls is done." in told


@pytest.mark.timeout(400)
def test_a_careless_connector_is_told_what_is_wrong_with_it(command: Command) -> None:
    assert command.run("new-connector", "careless").returncode == 0
    file = command.services / "careless-connector" / "src" / "careless_connector" / "connector.py"
    good = file.read_text()
    bad = (
        good.replace("        if not cursor:\n            return\n", "        return\n")
        .replace("kit.Page.read(found[\"calls\"], _item, when=\"started_at\", mark=cursor)",
                 "kit.Page([_item(row) for row in found[\"calls\"] if isinstance(row.get(\"id\"), int)])")
        .replace("    found = await http.get(f\"/calls/{item.external_id}/transcript\")\n",
                 "    found = await http.get(f\"/calls/{item.external_id}/transcript\")\n    print(found)\n")
        .replace("    me = await http.get(\"/me\")\n", "    me = await http.get(\"/me\")\n    await http.get(\"/them\")\n")
    )  # fmt: skip
    assert bad.count("\n") != good.count("\n")
    file.write_text(bad)
    code, told = check(command, "careless", "--json", "--case", "connect", "--case", "paging", "--case", "junk")
    assert code == 1
    report = json.loads(told)
    assert {one["case"] for one in report["cases"] if one["outcome"] == "failed"} >= {"connect", "described"}

    file.write_text(bad.replace('    await http.get("/them")\n', ""))
    code, told = check(command, "careless", "--json", "--case", "connect", "--case", "paging", "--case", "junk")
    report = json.loads(told)
    outcomes = {one["case"]: one["outcome"] for one in report["cases"]}
    assert (code, report["passed"], report["of"]) == (1, 4, 7)
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} == {
        "paging",
        "junk",
        "confidence",
    }
    assert all(one["seen"] and one["advice"] for one in report["cases"] if one["outcome"] == "failed")


def test_a_connector_that_does_not_start_is_told_why(command: Command) -> None:
    assert command.run("new-connector", "my-calls").returncode == 0
    file = command.services / "my-calls-connector" / "src" / "my_calls_connector" / "connector.py"
    file.write_text(file.read_text().replace("from pydantic import", "from pedantic import"))
    code, told = check(command, "my-calls")
    assert code == 1
    assert "FAILED  starts" in told
    assert "No module named 'pedantic'" in told
    assert told.rstrip().endswith("1 of 2")
