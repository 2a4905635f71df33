"""The process from which services are forked: it imports what all of them need, once, then waits to be asked.

`python -m callvault.forkserver CHANNEL`, with the number of an inherited socket; `callvault.forking` starts it
and asks. None of its imports may start a thread: that does not come along into a fork, what it has locked does.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from setproctitle import setproctitle, setthreadtitle

from callvault.guard import die_with

MOST_BYTES = 192 * 1024
"""Of a request. Linux takes no more in one piece unless told to."""

# Most of what a service imports; the rest, its own package, it imports itself.
_SHARED = (
    "pipeline_runtime.connectors", "pipeline_runtime.migrate", "pipeline_runtime.outbox",
    "pipeline_runtime.service", "pipeline_runtime.storage", "pipeline_runtime.topics", "aiokafka.admin",
    "faststream.kafka", "fastapi.openapi.models", "uvicorn.lifespan.on", "uvicorn.loops.auto",
    "uvicorn.protocols.http.h11_impl",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What a fork is to become: `python -m module`, in that folder, with that environment and no other."""

    module: str
    folder: str
    environment: dict[str, str]

    def prepare(self, log: int, parent: int) -> None:
        """In the fork: leave all that was the server's."""
        setproctitle(f"{sys.executable} -P -m {self.module}")  # before the environment changes
        setthreadtitle(self.module)  # the short name, as in `top`
        die_with(parent, signal.SIGKILL)
        os.setsid()
        os.dup2(log, sys.stdout.fileno())
        os.dup2(log, sys.stderr.fileno())
        os.environ.clear()
        os.environ.update(self.environment)
        time.tzset()
        os.chdir(self.folder)
        added = self.environment.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [path for path in added if path and path not in sys.path]
        sys.argv = [self.module]

    def run(self) -> None:
        """What `python -m` does."""
        sys.modules.pop(self.module, None)  # or Python warns that there are now two of it
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


def serve(channel: socket.socket) -> Job | None:
    """Fork for each request until the other end is closed: then None, in a fork the job that it has got.

    A request is a Job as JSON, with two descriptors: the log, and where to tell the fork's process id and, when
    it has ended, its exit code (both as a line; a negative code is a signal's number).
    """
    forks: dict[int, tuple[int, int]] = {}  # by the descriptor that tells of its end: who, and whom to tell
    with selectors.PollSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not channel:
                    selector.unregister(key.fd)
                    _tell_end(key.fd, *forks.pop(key.fd))
                    continue
                request, descriptors, *_ = socket.recv_fds(channel, MOST_BYTES, 2)
                if not request:
                    return None
                log, told = descriptors
                parent, pid = os.getpid(), _fork()
                if pid is None:
                    os.close(log)
                    os.close(told)  # who asked sees that, and does without us
                    continue
                if pid == 0:
                    job = Job(**json.loads(request))
                    job.prepare(log, parent)
                    channel.close()
                    for each in (log, told, *forks, *(where for _, where in forks.values())):
                        os.close(each)
                    return job
                os.close(log)
                ended = os.pidfd_open(pid)
                forks[ended] = pid, told
                selector.register(ended, selectors.EVENT_READ)
                _tell(told, pid)


def _fork() -> int | None:
    """As os.fork; None where the system has no room for one more, which must not end those that there are."""
    try:
        return os.fork()
    except OSError as error:
        print(f"cannot fork: {error}", file=sys.stderr)
        return None


def _tell_end(ended: int, pid: int, told: int) -> None:
    _, status = os.waitpid(pid, 0)
    _tell(told, os.waitstatus_to_exitcode(status))
    os.close(told)
    os.close(ended)


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody asks any more
        os.write(told, f"{number}\n".encode())


def main(arguments: list[str]) -> None:
    """Import, then serve; a fork leaves this as the service that it has become."""
    gc.disable()  # what is imported stays
    for name in _SHARED:
        with suppress(ImportError):  # of a package that no service here needs
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what all share is looked at by no collection, and so not copied by it
    gc.enable()
    with socket.socket(fileno=int(arguments[0])) as channel:
        job = serve(channel)
    if job:
        job.run()


if __name__ == "__main__":
    main(sys.argv[1:])
