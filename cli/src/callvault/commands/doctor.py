"""`callvault doctor`: what is wrong with this machine, and how to mend it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from callvault.checks.machine import machine_checks
from callvault.checks.parts import part_checks
from callvault.checks.running import running_checks
from callvault.home import Home


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Check this machine and say how to mend what is wrong. Exit code 1 if something is."""
    home = Home.from_environment()
    checks = [*machine_checks(home), *part_checks(home), *running_checks(home)]
    ok = all(check.ok for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        for check in checks:
            mark = typer.style("OK     ", fg="green") if check.ok else typer.style("PROBLEM", fg="red")
            typer.echo(f"{mark}  {check.name}: {check.found}")
            if check.remedy and (not check.ok or check.name in {"old data", "stack"}):
                typer.echo(f"         {check.remedy}")
    if not ok:
        raise typer.Exit(1)
