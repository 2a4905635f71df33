"""Starting and ending child processes: own log file, own process group, no orphans."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

_GUARD = str(Path(__file__).with_name("guard.py"))
_LARGE_LOG_BYTES = 10 * 1024 * 1024

# A child's death signal is sent when the thread that made it ends, so one thread that lives as long
# as we do makes them all. Whoever calls may be a short-lived worker thread.
_parent_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawn")


@dataclass(frozen=True)
class User:
    """Whom a child runs as."""

    name: str
    uid: int
    gid: int


class Child(Protocol):
    """A process that was started here, as `subprocess.Popen` shows one."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code as of the last look; minus a signal's number where one ended it."""

    def poll(self) -> int | None:
        """Look whether it has ended: its exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Signal it, if it still runs."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
    user: User | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    keep: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in the background, its output appended to `log`.

    If we die first it gets `death_signal` (Linux). `user` None keeps our own user. It is given the descriptors
    in `keep`.
    """
    uid, gid = (user.uid, user.gid) if user else (-1, -1)
    words = [os.getpid(), int(death_signal), uid, gid, *command]
    guarded = [sys.executable, "-I", "-S", _GUARD, *(str(word) for word in words)]

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                pass_fds=keep,
                start_new_session=True,  # Ctrl-C is for us: we stop the children in order
            )

    return _parent_thread.submit(start).result()


def end(process: Child, *, how: signal.Signals = signal.SIGTERM, within: float) -> None:
    """Ask a child to stop; kill it if it has not within that many seconds. Returns when it is gone."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_leftover(pid: int, mark: str, *, how: signal.Signals, within: float) -> None:
    """Stop a process of an earlier run, if `pid` still is that: one whose command line holds `mark`."""
    with contextlib.suppress(psutil.NoSuchProcess):
        ours = any(mark in word for word in psutil.Process(pid).cmdline())
        if ours and not end_and_wait(pid, how=how, within=within):
            end_and_wait(pid, how=signal.SIGKILL, within=within)


def created(pid: int | None) -> float | None:
    """When a running process began, which with its id tells it from all others; None if none runs."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        # One that has ended stays listed until its parent asks; in a container nobody may ever ask.
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def end_and_wait(pid: int, *, how: signal.Signals, within: float) -> bool:
    """Signal a process that is not our child and wait; False if it still runs after that many seconds."""
    deadline = time.monotonic() + within
    began = created(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    while began is not None and created(pid) == began:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def rotate(log: Path) -> None:
    """Move a log aside once it is large; the one before it is dropped."""
    if log.exists() and log.stat().st_size > _LARGE_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def tail(log: Path, *, lines: int = 20) -> str:
    """The last lines of a log, at most 64 KB of it."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def clean_environment() -> dict[str, str]:
    """Our environment without credentials, and without settings that would change Java or PostgreSQL."""
    return {name: value for name, value in os.environ.items() if not _is_private(name)}


def _is_private(name: str) -> bool:
    words = ("PASSWORD", "SECRET", "TOKEN", "API_KEY", "_KEYS", "DATABASE_URL")
    return any(word in name for word in words) or name.startswith(("PG", "JAVA_TOOL", "JDK_"))
