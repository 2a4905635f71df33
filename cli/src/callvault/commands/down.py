"""`callvault down`: stop the stack."""

import typer

from callvault.control import stop
from callvault.home import Home


def down() -> None:
    """Stop the stack and wait until every process is gone. Data stays."""
    typer.echo("The stack has stopped." if stop(Home.from_environment()) else "No stack is running.")
