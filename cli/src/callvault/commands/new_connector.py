"""`callvault new-connector`: a working connector to begin with."""

from __future__ import annotations

from typing import Annotated

import typer

from callvault.scaffold.names import new_names
from callvault.scaffold.writing import relative, write_connector


def new_connector(
    name: Annotated[str, typer.Argument(help="The source's name: lower case, with hyphens, such as my-calls.")],
) -> None:
    """Write services/NAME-connector: a connector that works, with its test, to be made the provider's own.

    The folder is the registration: nothing else is to be touched. docs/new-connector.md leads through it.
    """
    names = new_names(name)
    folder = relative(write_connector(names))
    typer.echo(f"Wrote {folder}.\n")
    typer.echo(f"  {folder}/src/{names.package}/connector.py  the connector: make it the provider's own")
    typer.echo(f"  {folder}/tests/provider.py  how the provider answers, for the check")
    typer.echo(f"\nSee whether it is done: callvault connector check {name}")
