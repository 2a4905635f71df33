"""`callvault new-connector` and `connector check`: what they write, refuse, find and print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from callvault.checking.description import connector_folder, read_provider
from callvault.errors import CallvaultError
from callvault.scaffold.names import new_names
from callvault.scaffold.writing import write_connector

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


def test_bad_and_taken_names_are_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLVAULT_SERVICES_DIR", str(command.services))
    for name in ("Zoom", "my_calls", "9lives", "a--b", "x" * 41, "zoom-connector", "../etc", "été", ""):
        with pytest.raises(CallvaultError, match="A source cannot be called"):
            new_names(name)
    for name in ("fathom", "file-upload"):
        with pytest.raises(CallvaultError, match=f"There is a source {name} already."):
            new_names(name)


def test_a_folder_that_is_there_is_left_alone(command: Command) -> None:
    (command.services / "my-calls-connector").mkdir()
    answer = command.run("new-connector", "my-calls")
    assert answer.returncode == 1
    assert "name_taken" in answer.stderr
    assert list((command.services / "my-calls-connector").iterdir()) == []


def test_what_cannot_be_checked_is_said_in_a_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "unknown_connector: There is no services/nobody-connector." in check(command, "nobody")[1]
    monkeypatch.setenv("CALLVAULT_SERVICES_DIR", str(command.services))
    folder = write_connector(new_names("my-calls"))
    assert folder == connector_folder("my-calls-connector")
    provider = folder / "tests" / "provider.py"
    provider.write_text("PROVIDER = Provider()\n")
    with pytest.raises(CallvaultError, match="line 1: NameError"):
        read_provider(folder)
    provider.write_text("")
    with pytest.raises(CallvaultError, match="has no PROVIDER"):
        read_provider(folder)
    provider.unlink()
    with pytest.raises(CallvaultError, match=r"There is no .*provider\.py"):
        read_provider(folder)


@pytest.mark.timeout(400)
def test_a_careless_connector_is_told_what_is_wrong_with_it(command: Command) -> None:
    assert command.run("new-connector", "careless").returncode == 0
    file = command.services / "careless-connector" / "src" / "careless_connector" / "connector.py"
    good = file.read_text()
    wrongs = {
        "        if not cursor:\n            return\n": "        return\n",
        'kit.Page.read(found["calls"], _item, when="started_at", mark=cursor)': (
            'kit.Page([_item(row) for row in found["calls"] if isinstance(row.get("id"), int)])'
        ),
        '    found = await http.get(f"/calls/{item.external_id}/transcript")\n': (
            '    found = await http.get(f"/calls/{item.external_id}/transcript")\n    print(found)\n'
            '    await http.delete("/drafts")\n'
        ),
    }
    bad = good
    for right, wrong in wrongs.items():
        assert right in bad
        bad = bad.replace(right, wrong)
    file.write_text(bad)
    code, told = check(command, "careless", "--json", "--case", "connect", "--case", "paging", "--case", "junk")
    report = json.loads(told)
    failed = {one["case"] for one in report["cases"] if one["outcome"] == "failed"}
    assert failed == {"paging", "junk", "described", "confidence"}
    assert (code, report["passed"], report["of"]) == (1, 3, 7)
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
