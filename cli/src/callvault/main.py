"""The `callvault` command: one module of callvault.commands for each subcommand.

Exit codes: 0 done; 1 it failed, and the message says why; 2 wrong use; 3 no stack is running, or it
does not answer; 4 a stack is running already; 5 this machine is not set up.
"""

import sys
from importlib import import_module

import typer

from callvault.errors import CallvaultError, ProcessError

# In the order of the help. What follows a colon is the function, or the group of commands.
_COMMANDS = {
    "up": "up:up",
    "down": "down:down",
    "status": "status:status",
    "demo": "demo:demo",
    "import": "imports:import_files",
    "sources": "sources:sources",
    "connect": "connect:connect",
    "sync": "sync:sync",
    "jobs": "jobs:jobs",
    "failures": "failures:failures",
    "recordings": "recordings:recordings",
    "tail": "tail:tail",
    "replay": "replay:replay",
    "user": "user:app",
    "keys": "keys:app",
    "migrate": "migrate:migrate",
    "new-connector": "new_connector:new_connector",
    "connector": "connector:app",
    "setup": "setup:setup",
    "doctor": "doctor:doctor",
}
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


def make_app(asked_for: str) -> typer.Typer:
    """The command line with the one command that was asked for, or with all where it is none of them.

    Only that one is loaded: all of them take most of a second.
    """
    app = typer.Typer(
        help="Brings your calls and their transcripts into one library, on this machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # keeps a single command a subcommand
    for name in [asked_for] if asked_for in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        command = getattr(import_module(f"callvault.commands.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Run the command; a failure is a sentence on standard error and an exit code, not a traceback."""
    try:
        make_app(sys.argv[1] if len(sys.argv) > 1 else "")()
    except CallvaultError as error:
        if isinstance(error, ProcessError) and error.tail:
            typer.echo(error.tail, err=True)
        typer.secho(f"{error.code}: {error}", err=True, fg="red")
        sys.exit(_EXIT_CODES.get(error.code, 1))
