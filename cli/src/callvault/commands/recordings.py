"""`callvault recordings`: the library."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import typer

from callvault.access import find_access
from callvault.gateway import open_gateway
from callvault.home import Home
from callvault.terminal import clean, local_time, print_json, print_table, short_duration

_PLAIN = ("id", "title", "source_app", "external_id")


def recordings(
    recording_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="One recording, with its transcript.")
    ] = None,
    retry_gaps: Annotated[
        bool, typer.Option("--retry-gaps", help="Ask for what is missing in the recording again.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and recording.")] = False,
) -> None:
    """Show the latest recordings, or one of them with its transcript."""
    if retry_gaps:
        _retry(recording_id, as_json=as_json)
        return
    found = asyncio.run(_find(recording_id, limit))
    if as_json:
        for recording in found:
            print_json(recording)
    elif recording_id:
        _show(found[0])
    else:
        heads = ("recording", "title", "source", "started", "length", "characters")
        print_table(heads, [_row(recording) for recording in found])


async def _find(recording_id: str | None, limit: int) -> list[dict[str, Any]]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        if recording_id:
            return [await gateway.recording(recording_id)]
        return await gateway.recordings(limit)


def _retry(recording_id: str | None, *, as_json: bool) -> None:
    if recording_id is None:
        raise typer.BadParameter("--retry-gaps needs the recording's ID.")
    told = asyncio.run(_ask_again(recording_id))
    if as_json:
        print_json(told)
    else:
        gaps = told["gaps"]
        typer.echo(f"{gaps} {'gap is' if gaps == 1 else 'gaps are'} asked for again.")


async def _ask_again(recording_id: str) -> dict[str, Any]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        return await gateway.retry_gaps(recording_id)


def _row(recording: dict[str, Any]) -> tuple[object, ...]:
    return (
        recording["id"],
        recording["title"],
        recording["source_app"],
        _time(recording["recording_start_time"]),
        short_duration(recording["duration"]),
        recording["transcript_length"],
    )


def _show(recording: dict[str, Any]) -> None:
    rows = [(name, recording[name]) for name in _PLAIN]
    rows.append(("started", _time(recording["recording_start_time"])))
    rows.append(("length", short_duration(recording["duration"])))
    for name, value in rows:
        typer.echo(clean(f"{name:12} {'-' if value is None else value}"))
    for gap in recording.get("gaps") or ():
        missing = f"{short_duration(gap['start'])} to {short_duration(gap['end'])}: {gap['message']}"
        typer.echo(clean(f"{'missing':12} {missing}"))
    typer.echo()
    typer.echo(clean(recording["full_transcript"]))


def _time(text: str) -> str | None:
    return local_time(datetime.fromisoformat(text))
