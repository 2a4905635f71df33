"""Our own programs as processes: forked from one that has imported what they need, or started by themselves.

Python needs one to three seconds of processor to import what a service needs. A fork has it already, and shares
it in memory. That is done on Linux; elsewhere each is started by itself.
"""

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from callvault.forkserver import MOST_BYTES
from callvault.spawn import Child, clean_environment, end, end_and_wait, rotate, spawn

_STOP_SECONDS = 5.0


class Programs:
    """Starts our programs. `log` is the fork server's own, which runs from the first start to `close`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._server: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._lock = threading.Lock()

    def start(self, module: str, *, log: Path, environment: Mapping[str, str], folder: Path) -> Child:
        """`python -m module` in the background, its output appended to `log`. If we die, it is killed."""
        if sys.platform == "linux":
            with suppress(OSError):  # of a server that has just died, or a request too long for it
                return self._fork(module, log, environment, folder)
        command = [sys.executable, "-P", "-m", module]
        return spawn(command, log=log, environment=environment, folder=folder)

    def prepare(self) -> None:
        """Let the fork server begin to import, if it does not run."""
        with self._lock:
            if sys.platform == "linux" and (self._server is None or self._server.poll() is not None):
                self._start_server()

    def close(self) -> None:
        """Stop the fork server. What it has forked and still runs is killed."""
        with self._lock:
            if self._channel and self._server:
                self._channel.close()
                end(self._server, within=_STOP_SECONDS)

    def _fork(self, module: str, log: Path, environment: Mapping[str, str], folder: Path) -> Child:
        self.prepare()
        assert self._channel
        job = {"module": module, "folder": str(folder), "environment": dict(environment)}
        request = json.dumps(job).encode()
        if len(request) > MOST_BYTES:
            raise OSError(errno.EMSGSIZE, "too much for one request")
        answers, told = os.pipe()
        with log.open("ab") as output:
            try:
                socket.send_fds(self._channel, [request], [output.fileno(), told])
            except OSError:
                os.close(answers)
                raise
            finally:
                os.close(told)
        return _Fork(answers)

    def _start_server(self) -> None:
        rotate(self._log)
        if self._channel:
            self._channel.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MOST_BYTES)
        with theirs:
            self._server = spawn(
                [sys.executable, "-P", "-m", "callvault.forkserver", str(theirs.fileno())],
                log=self._log,
                # These two are read when a process begins, too early for what a fork is given.
                environment=clean_environment() | {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"},
                folder=self._log.parent,
                keep=[theirs.fileno()],
            )
        self._channel = ours


class _Fork:
    """A process that the fork server has made: its parent, which tells us how it ended."""

    def __init__(self, answers: int) -> None:
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._lock = threading.Lock()  # whoever starts a service and whoever watches it are two threads
        self.returncode: int | None = None
        told = self._answers.readline()
        if not told:
            self._answers.close()
            raise BrokenPipeError("the fork server ended before it forked")
        self.pid = int(told)

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        waiting = select.poll()
        with suppress(ValueError):  # another thread has read the end just now
            waiting.register(self._answers, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                return None
        with self._lock:
            if self.returncode is None:
                told = self._answers.readline()
                if not told:  # a server that dies takes what it has forked with it, in a moment
                    end_and_wait(self.pid, how=signal.SIGKILL, within=_STOP_SECONDS)
                self.returncode = int(told) if told else -signal.SIGKILL
                self._answers.close()
        return self.returncode
