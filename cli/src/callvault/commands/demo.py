"""`callvault demo`: the whole thing, shown on a real recording."""

import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import typer

from callvault.demonstration import Demonstration
from callvault.environment import gateway_url
from callvault.errors import CallvaultError
from callvault.home import Home
from callvault.hosting import beside_stack, hearing, is_running, until_ready
from callvault.narrator import Narrator
from callvault.sandboxed import sandbox_is_here
from callvault.terminal import console

_RECORDING = Path(__file__).parents[4] / "tests" / "speech" / "standup.m4a"
_INTERRUPTED = 130


def demo() -> None:
    """Start the stack, import a recording, connect Fathom and Zoom, show what comes of it, serve until Ctrl-C.

    Fathom and Zoom are played by the sandbox: no account is needed, and nothing leaves this machine.
    Without a terminal, or with DEMO_EXIT=1, all is stopped after the last step.
    A stack that runs already is used and left running.
    """
    if not _RECORDING.exists():
        message = f"The demo's recording is not at {_RECORDING}."
        raise CallvaultError("demo_file_missing", message, "Run the demo in a clone of the repository.")
    for variable in ("CALLVAULT_URL", "CALLVAULT_TOKEN"):
        os.environ.pop(variable, None)  # the demo speaks to the stack that it shows
    if not asyncio.run(_run(Home.from_environment())):
        raise typer.Exit(_INTERRUPTED)


async def _run(home: Home) -> bool:
    """False where it was interrupted before its end."""
    narrator = Narrator(console())
    if is_running(home):
        story = Demonstration(home, _shown(_RECORDING), narrator)
        with narrator.step(f"Using the stack that runs on {home.path}"):
            if not await until_ready(home):
                raise CallvaultError("not_running", "The stack did not start.", "See `callvault status`.")
        await story.tell()
        narrator.say("\nThe stack goes on running. `callvault down` stops it.")
        return True
    return await _run_with_own_stack(home, narrator)


async def _run_with_own_stack(home: Home, narrator: Narrator) -> bool:
    serve = sys.stdout.isatty() and os.environ.get("DEMO_EXIT") != "1"
    story = Demonstration(home, _shown(_RECORDING), narrator, disconnect=not serve)
    with hearing(narrator.note), ExitStack() as starting:
        starting.enter_context(
            narrator.step(f"Starting Kafka, PostgreSQL and the services, data in {home.path}")
        )

        async def tell() -> None:
            starting.close()
            await story.tell()
            page = f"\nThe Import Hub, where you make an account of your own: {gateway_url(home)}/import"
            narrator.say(f"{page}\nCtrl-C stops it." if serve else "\nStopping.")

        return await beside_stack(home, tell, serve=serve, with_sandbox=sandbox_is_here())


def _shown(file: Path) -> Path:
    """As a person in this folder would write it."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
