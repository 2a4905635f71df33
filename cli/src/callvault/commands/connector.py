"""`callvault connector check`: whether a connector does all that a connector has to do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from callvault.checking.case import Result
from callvault.checking.run import check as run_check
from callvault.scaffold.names import service_of

app = typer.Typer(no_args_is_help=True)
app.callback()(lambda: None)

_MARKS = {"passed": ("PASSED ", "green"), "failed": ("FAILED ", "red"), "not_applicable": ("-      ", "white")}


@app.command("check", help="Run ready-made cases against services/NAME-connector; exit code 0 if all pass.")
def check(
    name: Annotated[str, typer.Argument(help="The source's name, such as fathom.")],
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be given several times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Check a connector on a stack of its own: real servers, and a stand-in for the provider.

    What the stand-in answers is said in the connector's tests/provider.py. Takes about a minute.
    """
    say = _silent if as_json else _show
    results = asyncio.run(run_check(service_of(name), say, case or ()))
    counted = [result for result in results if result.outcome != "not_applicable"]
    passed = [result for result in counted if result.outcome == "passed"]
    if as_json:
        score = {"source": name, "passed": len(passed), "of": len(counted)}
        typer.echo(json.dumps(score | {"cases": [asdict(result) for result in results]}, indent=2))
    else:
        typer.secho(f"\n{len(passed)} of {len(counted)}", bold=True)
        if len(passed) == len(counted) and not case:
            typer.echo(f"The connector of {name} is done.")
    if len(passed) < len(counted):
        raise typer.Exit(1)


def _silent(_: Result) -> None:
    return


def _show(result: Result) -> None:
    mark, colour = _MARKS[result.outcome]
    seconds = f"  ({result.seconds:.0f} s)" if result.seconds >= 1 else ""
    typer.echo(f"{typer.style(mark, fg=colour)} {result.case}: {result.sentence}.{seconds}")
    for line in (result.seen, result.advice):
        if line:
            typer.echo(f"          {line}")
