"""`callvault up`: the whole stack on this machine."""

import asyncio
import logging
from typing import Annotated

import typer

from callvault.control import start_detached
from callvault.environment import gateway_url
from callvault.home import Home
from callvault.supervisor import Supervisor


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is ready.")] = False,
    port: Annotated[
        int | None, typer.Option(help="The app's port. Default: 8000, or one that is free.")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Invented accounts instead of Fathom, Zoom and YouTube.")
    ] = False,
) -> None:
    """Start the whole stack here, and keep it running.

    Kafka and PostgreSQL are started too, unless the environment names yours.
    Data and logs lie in CALLVAULT_HOME (default: ~/.callvault). Ctrl-C stops everything.
    """
    home = Home.from_environment()
    if detach:
        start_detached(home, port=port, with_sandbox=sandbox, say=typer.echo)
        typer.echo(f"The stack is ready: {gateway_url(home)}" if gateway_url(home) else "The stack is ready.")
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    asyncio.run(_run(home, port, with_sandbox=sandbox))


async def _run(home: Home, port: int | None, *, with_sandbox: bool) -> None:
    await Supervisor(home, gateway_port=port, with_sandbox=with_sandbox).run()
