"""`callvault import`: files into the library."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.gateway import open_gateway
from callvault.home import Home
from callvault.importing import Importer, Outcome
from callvault.progress import make_display
from callvault.terminal import console, print_json


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings: audio or video.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Stay until each has its transcript.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and file.")] = False,
) -> None:
    """Import recordings from files. Exit code 1 if any failed.

    With --json each line has: file, job_id, status, recording_id, result (imported, duplicate, failed;
    null while it is open), error (code, message). Progress then goes to standard error.
    """
    outcomes = asyncio.run(run_import(Home.from_environment(), files, wait=wait, as_json=as_json))
    if any(outcome.result == "failed" for outcome in outcomes):
        raise typer.Exit(1)


async def run_import(home: Home, files: list[Path], *, wait: bool, as_json: bool = False) -> list[Outcome]:
    """Import the files, showing how far it is; answers what became of each, in the order of their ends."""
    outcomes: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if as_json:
            print_json(outcome.as_json())

    access = await find_access(home)
    async with open_gateway(access) as gateway:
        with make_display(console(stderr=as_json)) as display:
            await Importer(gateway, files, display, report).run(wait=wait)
    return outcomes
