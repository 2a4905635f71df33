"""Checks of the machine itself."""

import os
import platform
import pwd
import shutil
import sys

import psutil

from callvault.checks import Check
from callvault.control import status
from callvault.environment import GATEWAY, database_is_named
from callvault.home import Home
from callvault.ports import is_free

_DISK_GB, _MEMORY_GB = 2.0, 1.5


def machine_checks(home: Home) -> list[Check]:
    """Python, system, user, disk, memory, the app's port."""
    return [_python(), _system(), user_check(os.geteuid()), _disk(home), _memory(home), _port(home)]


def _python() -> Check:
    version = platform.python_version()
    return Check("python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _system() -> Check:
    name = platform.system()
    ok = name in {"Linux", "Darwin"}
    return Check("system", ok, f"{name} {platform.machine()}", "Use Linux or macOS, or WSL on Windows.")


def user_check(uid: int) -> Check:
    """Whether the embedded PostgreSQL can run as this user: its programs ask the system for the user's name."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        found = (
            f"{uid} has no entry in the system's list of users; the embedded PostgreSQL does not run without"
        )
        remedy = "Add one (`useradd --uid`), run as another user, or name a database by the *_DATABASE_URL."
        return Check("user", database_is_named(), found, remedy)
    return Check("user", True, f"{name} ({uid})")


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.path).free / 1e9
    remedy = f"Free {_DISK_GB:.0f} GB, or set CALLVAULT_HOME to a folder on another disk."
    return Check("disk", free >= _DISK_GB, f"{free:.1f} GB free for {home.path}", remedy)


def _memory(home: Home) -> Check:
    free = psutil.virtual_memory().available / 1e9
    running = status(home)["supervisor"]["pid"] is not None  # then it has what it needs
    remedy = f"Close programs: the stack needs {_MEMORY_GB} GB."
    return Check("memory", running or free >= _MEMORY_GB, f"{free:.1f} GB free", remedy)


def _port(home: Home) -> Check:
    running = status(home)["processes"]
    ours = next((each for each in running if each["name"] == GATEWAY and each["pid"]), None)
    if ours:
        return Check("port", True, f"{ours['port']}, in use by the app")
    if is_free(8000):
        return Check("port", True, "8000 is free")
    return Check("port", True, "8000 is in use by another program; the app takes another one")
