"""A worker that stopped for longer than its lease goes on beside its successor."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tests.properties.outcome import outcome_of
from tests.properties.pipeline import Pipeline
from tests.properties.provider import TEAMS, Call
from tests.properties.story import Story
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_two_that_end_one_listing_at_once_do_not_lock_each_other_out(pipeline: Pipeline) -> None:
    story = await Story.begin(pipeline, [Call("0", "plain", TEAMS)])
    await pipeline.deliver(pipeline.road.pop(0))
    await pipeline.begin_listing()
    await pipeline.pass_time(timedelta(minutes=3))
    await pipeline.begin_listing()
    both, pipeline.listings[:] = list(pipeline.listings), []

    async def both_wait() -> bool:
        waiting = (
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = $1"
        )
        # Not within the transaction: there, sessions that begin later are not seen.
        return bool(await pipeline.stack.owner.fetchval(waiting, pipeline.stack.database) == 2)

    resolver = await asyncpg.connect(pipeline.stack.url("callvault_owner"))
    async with resolver.transaction():  # as long as a webhook for the account is seen to
        await resolver.execute("SELECT FROM import_sources FOR SHARE")
        ending = asyncio.gather(*(one.step() for one in both))
        await eventually(both_wait)
    await resolver.close()
    assert await ending == [False, False]
    await pipeline.take_from_outbox()
    await story.settle()
    assert [len(recordings) for recordings, _ in (await outcome_of(story)).values()] == [1, 1]
