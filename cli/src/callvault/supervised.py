"""One process under supervision: started, watched, started again with growing pauses."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Protocol

from callvault.errors import CallvaultError, ProcessError
from callvault.spawn import created

logger = logging.getLogger("callvault")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds
_HOPELESS_PAUSE = 60.0  # where it has never been ready
_STEADY_SECONDS = 30.0  # having run that long, its next crash is a first one again
_LOOK_SECONDS = 0.5
_FIRST_TRIES, _FIRST_TRIES_SECONDS = 3, 15.0


class Program(Protocol):
    """What can be supervised. `start` blocks until ready or raises; `stop` may come from any thread."""

    name: str

    @property
    def port(self) -> int | None:
        """Where it serves, once that is known."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""

    @property
    def log(self) -> Path:
        """Its log file."""

    def start(self) -> None:
        """Start and wait until ready."""

    def stop(self) -> None:
        """Stop it if it runs, and wait."""


class Supervised:
    """Keeps one program running until told otherwise, and says in which state it is."""

    def __init__(self, program: Program, threads: Executor, on_change: Callable[[], None]) -> None:
        self.program = program
        self.state = "waiting"
        self.restarts = 0
        self.problem: str | None = None  # why it does not run
        self._longest = _HOPELESS_PAUSE
        self._threads = threads
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._work: asyncio.Future[None] | None = None  # a start under way in a thread
        self._task: asyncio.Task[None] | None = None

    def describe(self) -> dict[str, Any]:
        """This process for state.json."""
        program, pid = self.program, self.program.pid
        has_died = self.state == "ready" and pid is None  # since we looked last
        return {
            "name": program.name,
            "pid": pid,
            "port": program.port,
            "state": "waiting" if has_died else self.state,
            "restarts": self.restarts,
            "problem": self.problem,
            "created": created(pid),
            "log": str(program.log),
        }

    async def start(self) -> None:
        """Bring the program up, trying a few times; from then on it is kept up. Raises CallvaultError."""
        began = time.monotonic()
        for attempt in range(1, _FIRST_TRIES + 1):
            try:
                await self._start_once()
                break
            except CallvaultError:
                if attempt == _FIRST_TRIES or time.monotonic() - began > _FIRST_TRIES_SECONDS:
                    raise
                await asyncio.sleep(_FIRST_PAUSE * attempt)
        self.keep()

    def keep(self) -> None:
        """Keep it up from now on, whether it runs yet or not."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop the program and stop keeping it up. A start that is under way is ended too."""
        self._stopping.set()
        self._change("stopping")
        await self._in_thread(self.program.stop)
        while self._work and not self._work.done():
            await asyncio.wait({self._work}, timeout=_LOOK_SECONDS)
            await self._in_thread(self.program.stop)
        if self._work:
            self._work.exception()  # seen: its start was cut short by us
        if self._task:
            await self._task
        self._change("stopped")

    async def _start_once(self) -> None:
        self._change("starting")
        try:
            self._work = self._in_thread(self.program.start)
            await asyncio.shield(self._work)
        except CallvaultError as error:
            self._change("failed", problem=_sentence(error))
            raise
        except Exception as error:  # whatever it is, the next try may do better
            message = f"{self.program.name} could not be started: {error}."
            self._change("failed", problem=message)
            raise CallvaultError("start_failed", message) from error
        self._longest = _LONGEST_PAUSE
        self._change("ready")

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        since = time.monotonic()
        while not await self._ended():
            if time.monotonic() - since > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            logger.warning("%s ended; it is started again in %.1f s", self.program.name, pause)
            self._change("waiting", problem=self.problem or f"{self.program.name} ended.")
            if await self._told_to_stop(within=pause):
                return
            pause = min(pause * 2, self._longest)
            since = time.monotonic()
            self.restarts += 1
            try:
                await self._start_once()
            except CallvaultError as error:
                logger.warning("%s: %s", error.code, error.message)

    async def _ended(self) -> bool:
        """Wait until the program is gone; True if it was told to go."""
        while self.program.pid is not None:
            if await self._told_to_stop(within=_LOOK_SECONDS):
                return True
        return self._stopping.is_set()

    async def _told_to_stop(self, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _in_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _change(self, state: str, *, problem: str | None = None) -> None:
        """While it is started again, the old problem stays known."""
        self.state = state
        self.problem = self.problem if state == "starting" else problem
        logger.info("%s: %s", self.program.name, state)
        self._on_change()


def _sentence(error: CallvaultError) -> str:
    """What happened, with the last line of the log where there is one."""
    last = error.tail.strip().rpartition("\n")[2][:300] if isinstance(error, ProcessError) else ""
    return f"{error.message} Its last words: {last}" if last else error.message
