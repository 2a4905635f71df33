"""`callvault failures`: what could not be imported, and another try."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import typer

from callvault.access import find_access
from callvault.gateway import Gateway, open_gateway
from callvault.home import Home
from callvault.terminal import clean, local_time, print_json, print_table

_COUNTS = ("found", "joined", "duplicate", "quota_exceeded")


def failures(
    items: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Calls to retry.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="Only those with this cause.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only those of this source.")] = None,
    calls: Annotated[bool, typer.Option("--calls", help="One by one, not by cause.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try them again: those named, of a cause, all.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many calls, the latest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what could not be imported, by cause; with --retry, try it again.

    Without a code, those are tried again that another try can help.
    """
    cause = {name: value for name, value in (("code", code), ("source_app", source)) if value}
    if items and not retry:
        raise typer.BadParameter("Calls are named to be tried again: add --retry.")
    if retry:
        _show_retried(asyncio.run(_retry(items or [], cause)), as_json=as_json)
        return
    found = asyncio.run(_find(cause, limit, calls=calls or bool(cause)))
    if as_json:
        for each in found:
            print_json(each)
    elif not found:
        typer.echo("Nothing has failed.")
    elif calls or cause:
        _show_calls(found)
    else:
        _show_causes(found)


async def _find(cause: dict[str, str], limit: int, *, calls: bool) -> list[dict[str, Any]]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        return await gateway.failed_items(cause, limit) if calls else await gateway.failures()


async def _retry(items: list[str], cause: dict[str, str]) -> dict[str, Any]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        return await _retry_named(gateway, items) if items else await gateway.retry_all(cause)


async def _retry_named(gateway: Gateway, items: list[str]) -> dict[str, Any]:
    told = [await gateway.retry(item) for item in items]
    counts = {outcome: sum(one["outcome"] == outcome for one in told) for outcome in _COUNTS}
    return {**counts, "jobs": sorted({one["job_id"] for one in told})}


def _show_retried(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    typer.echo(f"Tried again: {told['found'] + told['joined']}.")
    if told["duplicate"]:
        typer.echo(f"In the library by now: {told['duplicate']}.")
    if told["quota_exceeded"]:
        typer.echo(f"Left as they are, because this month's imports are used up: {told['quota_exceeded']}.")


def _show_causes(groups: list[dict[str, Any]]) -> None:
    heads = ("calls", "source", "code", "retry helps", "what happened")
    rows = [
        (one["count"], one["source_app"], one["code"], "yes" if one["retryable"] else "no", one["message"])
        for one in groups
    ]
    print_table(heads, rows)


def _show_calls(found: list[dict[str, Any]]) -> None:
    heads = ("call", "title", "source", "code", "failed", "tried again")
    print_table(heads, [_row(one) for one in found])
    for message in dict.fromkeys(one["message"] for one in found if one["message"]):
        typer.echo(clean(f"\n{message}"))


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    again = local_time(datetime.fromisoformat(one["retry_at"])) if one["retry_at"] else None
    ended = local_time(datetime.fromisoformat(one["ended_at"]))
    return one["id"], one["title"], one["source_app"], one["code"], ended, again
