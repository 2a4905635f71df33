"""`callvault jobs`: what has been imported, and what has failed."""

import asyncio
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.gateway import Job, open_gateway
from callvault.home import Home
from callvault.terminal import clean, local_time, print_json, print_table

_COUNTS = ("found", "imported", "duplicates", "failed", "skipped", "open")


def jobs(
    job_id: Annotated[str | None, typer.Argument(metavar="ID", help="One job, with its items.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Ask for the end of the one job.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and job.")] = False,
) -> None:
    """Show the latest imports, or one of them with its items."""
    if cancel and not job_id:
        raise typer.BadParameter("Which job is to be cancelled?")
    found = asyncio.run(_find(job_id, limit, cancel=cancel))
    if as_json:
        for job in found:
            print_json(job.model_dump(mode="json", exclude=None if job_id else {"items"}))
        return
    heads = ("job", "title", "status", *_COUNTS, "created")
    print_table(heads, [_row(job) for job in found])
    if job_id:
        _show_items(found[0])


async def _find(job_id: str | None, limit: int, *, cancel: bool) -> list[Job]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        if job_id and cancel:
            await gateway.cancel(job_id)
        return [await gateway.job(job_id)] if job_id else await gateway.jobs(limit)


def _row(job: Job) -> tuple[object, ...]:
    counts = (getattr(job, count) for count in _COUNTS)
    return (job.id, job.title, job.status, *counts, local_time(job.created_at))


def _show_items(job: Job) -> None:
    typer.echo()
    heads = ("item", "title", "status", "recording", "code")
    print_table(heads, [(item.id, item.title, item.status, item.recording_id, item.code) for item in job.items])
    for item in job.items:
        if item.message:
            again = f" It is tried again at {local_time(item.retry_at)}." if item.retry_at else ""
            typer.echo(clean(f"\n{item.title}: {item.message}{again}"))
