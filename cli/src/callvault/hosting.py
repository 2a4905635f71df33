"""The stack in this very process, for as long as something is done beside it."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from callvault.control import status
from callvault.home import Home
from callvault.supervisor import Supervisor

_LOOK_SECONDS = 0.1


def is_running(home: Home) -> bool:
    """Whether a stack runs on this home, ready or on its way."""
    return status(home)["state"] in ("starting", "ready")


async def until_ready(home: Home) -> bool:
    """Wait while the stack of this home starts; False where it did not come to be ready."""
    while True:
        state = status(home)["state"]
        if state != "starting":
            return bool(state == "ready")
        await asyncio.sleep(_LOOK_SECONDS)


async def beside_stack(
    home: Home, work: Callable[[], Awaitable[None]], *, serve: bool, with_sandbox: bool = False
) -> bool:
    """Start the stack, do the work once it is ready, and stop it again; with `serve` only when told to.

    False where SIGINT or SIGTERM ended it before the work was done. Raises what the start or the
    work raises, after everything has been stopped.
    """
    stack = asyncio.create_task(Supervisor(home, with_sandbox=with_sandbox).run())
    working = asyncio.create_task(_when_ready(home, work))
    try:
        await asyncio.wait({stack, working}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            if serve:
                await stack
            return True
        await stack  # raises what kept it from starting
        return False
    finally:
        for task in (working, stack):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})


async def _when_ready(home: Home, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        supervisor = home.state().get("supervisor", {})
        if supervisor.get("pid") == os.getpid() and supervisor.get("state") == "ready":
            break
        await asyncio.sleep(_LOOK_SECONDS)
    await work()


@contextmanager
def hearing(say: Callable[[str], None]) -> Iterator[None]:
    """Hand over what the supervisor says while it works, as plain sentences."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logger = logging.getLogger("callvault")
    listener = Listener(logging.INFO)
    before = logger.level, logger.propagate
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.level, logger.propagate = before
