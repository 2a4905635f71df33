"""`callvault status`: what runs, and where."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from callvault.control import status as read_status
from callvault.home import Home

_NOT_RUNNING = 3


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Show every process of the stack. Exit code 3 if none is running."""
    report = read_status(Home.from_environment())
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _show(report)
    if report["supervisor"]["pid"] is None:
        raise typer.Exit(_NOT_RUNNING)


def _show(report: dict[str, Any]) -> None:
    table = Table("process", "state", "pid", "port", "restarts", box=None)
    for process in report["processes"]:
        keys = ("name", "state", "pid", "port", "restarts")
        table.add_row(*("-" if process[key] is None else str(process[key]) for key in keys))
    console = Console(soft_wrap=True)
    console.print(f"{report['home']}: {report['state']}", highlight=False)
    console.print(f"logs: {report['home']}/logs", highlight=False)
    for name, address in report["urls"].items():
        console.print(f"{name}: {address}", highlight=False)
    console.print(table)
    for process in report["processes"]:
        if process.get("problem"):
            told = f"\n{process['name']} does not run: {process['problem']}\nSee {process['log']}."
            console.print(told, highlight=False, markup=False)
