"""`callvault import`: files and links into the library."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.gateway import open_gateway
from callvault.home import Home
from callvault.importing import Given, Importer, Outcome, read_given
from callvault.progress import make_display
from callvault.terminal import console, print_json


def import_files(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|URL", help="Recordings: audio or video; links to calls.")
    ],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Stay until each has its transcript.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME", help="A wish for links, such as transcribe_missing; repeatable."
        ),
    ] = None,
) -> None:
    """Import recordings from files and links. Exit code 1 if any failed.

    With --json each line has: file (or the link), job_id, status, recording_id, result (imported, duplicate,
    skipped, failed; null while it is open), error (code, message). Progress then goes to standard error.
    """
    given = [read_given(one) for one in files]
    home = Home.from_environment()
    outcomes = asyncio.run(run_import(home, given, wait=wait, as_json=as_json, options=options or ()))
    if any(outcome.result == "failed" for outcome in outcomes):
        raise typer.Exit(1)


async def run_import(
    home: Home, files: Sequence[Given], *, wait: bool, as_json: bool = False, options: Sequence[str] = ()
) -> list[Outcome]:
    """Import them, showing how far it is; answers what became of each, in the order of their ends."""
    outcomes: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if as_json:
            print_json(outcome.as_json())

    access = await find_access(home)
    async with open_gateway(access) as gateway:
        with make_display(console(stderr=as_json)) as display:
            await Importer(gateway, files, display, report, options).run(wait=wait)
    return outcomes
