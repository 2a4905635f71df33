"""What many cases begin with, and end with."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from callvault.checking.case import Trial, require
from callvault.checking.visitor import Visitor
from callvault.provider import Call

DAY = timedelta(days=1)


@asynccontextmanager
async def connected(
    trial: Trial, calls: int = 3, *, apart: timedelta = timedelta(minutes=20)
) -> AsyncIterator[Visitor]:
    """A user after the first sync of an account with so many calls."""
    async with trial.visiting() as visitor:
        visitor.account.add(calls, apart=apart)
        await visitor.connect()
        job = await visitor.first_sync()
        require(job["status"] == "completed", f"the first sync ended as {job['status']}: {job['message']}")
        yield visitor


async def has_once(trial: Trial, visitor: Visitor, calls: Sequence[Call]) -> None:
    """The library holds these calls, each once, and no other. Raises Unmet."""
    wanted = {trial.stand_in.provider.id(call) for call in calls}
    found = Counter(row["external_id"] for row in await visitor.library())
    missing, more = wanted - found.keys(), found.keys() - wanted
    require(not missing, f"{len(missing)} of {len(wanted)} calls are missing from the library")
    doubled = [name for name, count in found.items() if count > 1]
    require(not doubled, f"{len(doubled)} calls are in the library more than once")
    require(not more, f"the library holds calls that the provider never had, such as {min(more, default='')!r}")


async def again(visitor: Visitor) -> None:
    """One more sync, which goes through."""
    job = await visitor.sync()
    require(job["status"] == "completed", f"the next sync ended as {job['status']}: {job['message']}")
