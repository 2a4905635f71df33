"""docs/new-connector.md, done as it says, in a copy of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.connector_table import count_lines
from tests.support.eventually import eventually

from callvault.embedded.postgres import Postgres
from callvault.environment import MIGRATION_URL, ROLE_URLS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "new-connector.md"
STEP = re.compile(r"(?:`(services/\S+\.py)`, whole:\n\n```python\n(.*?)```)|(?:```sh\n(.*?)```)", re.DOTALL)
OTHERS = re.compile(r"services/\w+-connector/")


@dataclass(frozen=True)
class Copy:
    """A copy of the repository, and what the page's commands run with."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> str:
        """A command of the page; what it printed."""
        done = subprocess.run(
            command.split(), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    """Committed, with this virtual environment in it; the stack's home is the test's own.

    Without the connectors that are there already: what starts beside the new one takes its time.
    """
    folder, home = tmp_path / "repository", tmp_path / "home"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not OTHERS.match(name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    ours = {MIGRATION_URL, *ROLE_URLS, "KAFKA_BOOTSTRAP_SERVERS", "CALLVAULT_URL", "CALLVAULT_TOKEN"}
    outer = {name: value for name, value in os.environ.items() if name not in ours}
    more = {"CALLVAULT_SERVICES_DIR": str(folder / "services"), "CALLVAULT_HOME": str(home)}
    more["MYPY_CACHE_DIR"] = str(ROOT / ".mypy_cache")  # or it would read all libraries anew
    made = Copy(folder, outer | more)
    for command in ("git init -q", "git add -A", "git -c user.name=a -c user.email=a@b.c commit -q -m all"):
        made.run(command)
    yield made
    subprocess.run([folder / ".venv/bin/callvault", "down"], env=made.environment, check=False, timeout=90)
    Postgres(home).remove()


@pytest.mark.timeout(600)
async def test_the_page_leads_to_a_connector_that_is_done_and_touches_its_own_folder_alone(copy: Copy) -> None:
    printed: dict[str, str] = {}
    for file, text, commands in STEP.findall(PAGE.read_text()):
        if file:
            assert (copy.folder / file).is_file(), "the page writes a file that was not made before"
            (copy.folder / file).write_text(text)
        for command in commands.splitlines():
            printed[command] = await _printed(copy, command)
    assert "The connector of murmur is done." in printed[".venv/bin/callvault connector check murmur"]
    assert printed["git status --porcelain"] == "?? services/murmur-connector/\n"
    assert count_lines(copy.folder / "services" / "murmur-connector") < 120


async def _printed(copy: Copy, command: str) -> str:
    """The gateway hears of a connector a moment after it runs."""
    if not command.endswith("callvault sources"):
        return copy.run(command)

    async def heard() -> str | None:
        told = copy.run(command)
        return told if re.search(r"^murmur\s+api_key\s+yes", told, re.MULTILINE) else None

    return await eventually(heard, within=60)
