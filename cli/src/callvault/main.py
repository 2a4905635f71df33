"""The `callvault` command: registers one module of callvault.commands for each subcommand.

Exit codes: 0 done; 1 it failed, and the message says why; 2 wrong use; 3 no stack is running, or it
does not answer; 4 a stack is running already; 5 this machine is not set up.
"""

import sys

import typer

from callvault.commands import (
    doctor,
    down,
    imports,
    jobs,
    migrate,
    recordings,
    setup,
    status,
    tail,
    up,
    user,
)
from callvault.errors import CallvaultError, ProcessError

app = typer.Typer(
    help="Brings your calls and their transcripts into one library, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (up, down, status, jobs, recordings, tail, migrate, setup, doctor):
    app.command()(getattr(module, module.__name__.rpartition(".")[2]))
app.command("import")(imports.import_files)
app.add_typer(user.app, name="user")

_EXIT_CODES = {
    "not_running": 3,
    "not_started": 3,
    "not_reachable": 3,
    "database_unreachable": 3,
    "kafka_unreachable": 3,
    "already_running": 4,
    "jars_missing": 5,
    "jars_changed": 5,
    "jars_unreachable": 5,
    "postgres_missing": 5,
}


def main() -> None:
    """Run the command; a failure is a sentence on standard error and an exit code, not a traceback."""
    try:
        app()
    except CallvaultError as error:
        if isinstance(error, ProcessError) and error.tail:
            typer.echo(error.tail, err=True)
        typer.secho(f"{error.code}: {error}", err=True, fg="red")
        sys.exit(_EXIT_CODES.get(error.code, 1))
