"""`callvault sync`: look for calls now."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.errors import CallvaultError
from callvault.following import follow
from callvault.gateway import Account, Gateway, Job, open_gateway
from callvault.home import Home
from callvault.job_display import make_job_display
from callvault.terminal import console, print_json

_DAY_OR_TIME = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def sync(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE|ACCOUNT]", help="Only this source, or this account (its id)."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAY_OR_TIME, help="All calls since, UTC."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY_OR_TIME, help="And until, UTC.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Stay until all is imported.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and job.")] = False,
) -> None:
    """Look for new calls in all active accounts, or in some. A sync that runs already goes on.

    Exit code 1 if any call failed, where it waits.
    """
    window = {name: _utc(when) for name, when in (("from", since), ("to", until)) if when}
    jobs = asyncio.run(_sync(which, window, wait=wait))
    for job in jobs:
        if as_json:
            print_json(job.model_dump(mode="json", exclude={"items"}))
        else:
            typer.echo(_sentence(job))
    if any(job.failed or job.status == "failed" for job in jobs):
        raise typer.Exit(1)


async def _sync(which: str | None, window: dict[str, str], *, wait: bool) -> list[Job]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        jobs, names = {}, {}
        for account in await _accounts(gateway, which):
            job, _ = await gateway.sync(account.id, window)
            jobs[job.id] = job
            names[job.id] = f"{account.source_app} {account.email or account.id}"
        return await _watch(gateway, names) if wait else list(jobs.values())


async def _watch(gateway: Gateway, names: dict[str, str]) -> list[Job]:
    """Stay until all have ended, with how far they are on standard error."""
    ended: list[Job] = []
    with make_job_display(console(stderr=True)) as display:

        def over(job: Job) -> None:
            display.ended(names[job.id], job)
            ended.append(job)

        await follow(
            gateway,
            list(names),
            on_progress=lambda job: display.going(names[str(job.job_id)], job),
            on_activity=lambda activity: display.doing(names[str(activity.job_id)], activity),
            on_ended=over,
        )
    return ended


async def _accounts(gateway: Gateway, which: str | None) -> list[Account]:
    """Raises `nothing_to_sync`."""
    accounts = [account for source in await gateway.sources() for account in source.accounts]
    found = [
        account
        for account in accounts
        if account.id == which or (which in (None, account.source_app) and account.status == "active")
    ]
    if not found:
        what = f"There is no active account {which}." if which else "There is no active account."
        raise CallvaultError("nothing_to_sync", what, "See `callvault sources`.")
    return found


def _utc(when: datetime) -> str:
    return when.replace(tzinfo=UTC).isoformat()


def _sentence(job: Job) -> str:
    if job.ended_at is None:
        return f"{job.source_app}: {job.status}, job {job.id}"
    if job.message:
        return f"{job.source_app}: {job.status}: {job.message}"
    if not job.found:
        return f"{job.source_app}: nothing new"
    told = [f"{job.imported} new calls imported"]
    told += [f"skipped {job.duplicates} duplicates"] if job.duplicates else []
    told += [f"{job.skipped} skipped"] if job.skipped else []
    told += [f"{job.failed} failed (see `callvault failures`)"] if job.failed else []
    return f"{job.source_app}: {', '.join(told)}"
