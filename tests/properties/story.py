"""One story: two users with three connections to two accounts, calls with fates, and whatever happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from tests.properties.pipeline import FETCH_TOPIC, Pipeline
from tests.properties.provider import GOOD, TEAMS, Call
from tests.support.stack import Person

T = TypeVar("T")
Step = tuple[str, int]
"""What happens, and a number that says to which of those that it may happen to."""
INSTEAD = ("deliver", "fetch", "page", "list", "push")
TIMES = (*[timedelta(minutes=3)] * 4, timedelta(minutes=70), timedelta(hours=25))
ROUNDS = 15

_LEFT = """
SELECT (SELECT count(*) FROM sync_job_items WHERE status = 'found') AS open_items,
    (SELECT count(*) FROM sync_jobs WHERE ended_at IS NULL) AS open_jobs,
    (SELECT count(*) FROM tasks) AS tasks,
    (SELECT count(*) FROM sync_job_items WHERE revisit_at IS NOT NULL) AS revisits,
    (SELECT count(*) FROM sync_job_items WHERE status = 'failed' AND retryable) AS failed,
    (SELECT count(*) FROM webhook_inbox WHERE state = 'stored') AS deliveries
"""
_FAILED = "SELECT owner_user_id, id FROM sync_job_items WHERE status = 'failed' ORDER BY owner_user_id, external_id, job_id"
_RETRYABLE = (
    "SELECT id FROM sync_job_items WHERE status = 'failed' AND retryable AND owner_user_id = $1 ORDER BY id"
)


class Story:
    """The people, their accounts, and the steps."""

    def __init__(
        self, pipeline: Pipeline, people: dict[str, Person], accounts: list[tuple[Person, UUID]]
    ) -> None:
        self.pipeline = pipeline
        self.people = people
        self._accounts = accounts
        self._looking = asyncio.Lock()
        self._steps: dict[str, Callable[[int], Awaitable[bool]]] = {
            "deliver": self._deliver, "deliver many": self._deliver_many,
            "repeat": self._repeat, "hold": self._hold, "lose": self._lose,
            "list": self._list, "page": self._page, "stop listing": self._stop_listing, "list all": self._list_all,
            "fetch": self._fetch, "fetch twice": self._fetch_twice, "retry": self._retry, "push": self._push, "sync": self._sync,
            "reconcile": self._reconcile, "schedule": self._schedule, "time": self._time,
        }  # fmt: skip

    @classmethod
    async def begin(cls, pipeline: Pipeline, calls: Sequence[Call]) -> Story:
        """Ada has two accounts. Ben is on a plan with room for his good calls, and one more where some fail."""
        await pipeline.begin()
        pipeline.provider.begin(list(calls))
        bens = [call.fate in GOOD for call in calls if TEAMS[0] in call.teams]
        room = sum(bens) + (not all(bens))
        plan = f"for-{room}"
        await pipeline.stack.owner.execute(
            "INSERT INTO plans VALUES ($1, $2) ON CONFLICT DO NOTHING", plan, room
        )
        ada, ben = await pipeline.stack.person(), await pipeline.stack.person(plan)
        connected = [(ada, TEAMS[0]), (ada, TEAMS[1]), (ben, TEAMS[0])]
        accounts = [(person, await pipeline.connect(person, team)) for person, team in connected]
        await pipeline.take_from_outbox()
        return cls(pipeline, {"ada": ada, "ben": ben}, accounts)

    async def go(self, together: Sequence[Step]) -> None:
        """Some steps at once. Time alone passes by itself."""
        if any(kind == "time" for kind, _ in together):
            for kind, number in together:
                await self._steps[kind](number)
        else:
            async with asyncio.TaskGroup() as group:
                for kind, number in together:
                    group.create_task(self._do(kind, number))
        await self.pipeline.take_from_outbox()

    async def _do(self, kind: str, number: int) -> None:
        """The step, or where there is nothing for it to happen to, the next best one."""
        for one in (kind, *INSTEAD):
            if await self._steps[one](number):
                return

    async def settle(self) -> None:
        """All that was delayed comes, and everybody does their work until nothing is left. Raises AssertionError."""
        for _ in range(ROUNDS):
            await self._work_off()
            left = dict(await self.pipeline.stack.owner.fetchrow(_LEFT) or {})
            if not any(left.values()):
                if not self.pipeline.held:
                    return
                self.pipeline.road, self.pipeline.held = self.pipeline.held, []
                continue
            await self._retry_all()
            await self.pipeline.pass_time(TIMES[0])
            await self.pipeline.look_after()
            await self.pipeline.look_at_clock()
            await self.pipeline.take_from_outbox()
        raise AssertionError(f"this is still left: {left}")

    async def _work_off(self) -> None:
        pipeline = self.pipeline
        moved = True
        while moved:
            moved = bool(pipeline.road or pipeline.listings)
            while pipeline.listings:
                await self._page(0)
            while pipeline.road:
                await pipeline.deliver(pipeline.road.pop(0))
                await pipeline.take_from_outbox()
            while await pipeline.begin_listing() or await pipeline.fetch():
                moved = True
                await pipeline.take_from_outbox()

    async def _retry_all(self) -> None:
        for person in self.people.values():
            rows = await self.pipeline.stack.owner.fetch(_RETRYABLE, person.id)
            if rows:
                await self.pipeline.retry(person.id, [row["id"] for row in rows])

    async def _deliver(self, number: int) -> bool:
        message = _take(self.pipeline.road, number)
        if message:
            await self.pipeline.deliver(message)
        return message is not None

    async def _repeat(self, number: int) -> bool:
        """Now, once more as its turn comes, and at the very end."""
        message = _pick(self.pipeline.road, number)
        if message:
            self.pipeline.held.append(message)
            await self.pipeline.deliver(message)
        return message is not None

    async def _hold(self, number: int) -> bool:
        message = _take(self.pipeline.road, number)
        if message:
            self.pipeline.held.append(message)
        return message is not None

    async def _lose(self, number: int) -> bool:
        return _take(self.pipeline.road, number) is not None

    async def _deliver_many(self, number: int) -> bool:
        """Each second one, the latest first, and one of them twice."""
        road = self.pipeline.road
        some = [road.pop(place) for place in range(len(road) - 1, -1, -2)]
        if some:
            await self.pipeline.deliver(*some, some[number % len(some)])
        return bool(some)

    async def _list(self, _: int) -> bool:
        return await self.pipeline.begin_listing()

    async def _list_all(self, _: int) -> bool:
        """To the last page, after what was asked for; results stay on the road."""
        asked = [one for one in self.pipeline.road if one.topic == FETCH_TOPIC]
        self.pipeline.road = [one for one in self.pipeline.road if one not in asked]
        await self.pipeline.deliver(*asked)
        has_listed = False
        while await self.pipeline.begin_listing() or self.pipeline.listings:
            has_listed = await self._page(0)
        return has_listed or bool(asked)

    async def _page(self, number: int) -> bool:
        one = _take(self.pipeline.listings, number)
        if one and await one.step():
            self.pipeline.listings.append(one)
        return one is not None

    async def _stop_listing(self, number: int) -> bool:
        one = _take(self.pipeline.listings, number)
        if one:
            one.run.cancel()
            await asyncio.gather(one.run, return_exceptions=True)
        return one is not None

    async def _fetch(self, number: int) -> bool:
        return await self.pipeline.fetch(stops=("", "", "after", "after", "before")[number % 5])

    async def _fetch_twice(self, _: int) -> bool:
        """By a worker that stops for longer than its lease, and by another one: both send what they have."""
        return await self.pipeline.fetch(stops="after") and await self.pipeline.fetch()

    async def _retry(self, number: int) -> bool:
        async with self._looking:  # the owner has one connection
            failed = await self.pipeline.stack.owner.fetch(_FAILED)
        row = _pick(failed, number)
        if row:
            await self.pipeline.retry(row["owner_user_id"], [row["id"]])
        return row is not None

    async def _push(self, number: int) -> bool:
        call = _pick(self.pipeline.provider.calls, number)
        assert call is not None
        team = call.teams[number // 7 % len(call.teams)]
        await self.pipeline.push(team, call.id, again=number % 4 == 3)
        return True

    async def _sync(self, number: int) -> bool:
        person, account = self._accounts[number % len(self._accounts)]
        await self.pipeline.sync(person, account)
        return True

    async def _reconcile(self, _: int) -> bool:
        await self.pipeline.look_after()
        return True

    async def _schedule(self, _: int) -> bool:
        await self.pipeline.look_at_clock()
        return True

    async def _time(self, number: int) -> bool:
        await self.pipeline.pass_time(TIMES[number % len(TIMES)])
        return True


def _pick(several: Sequence[T], number: int) -> T | None:
    """One of them, None of none."""
    return several[number % len(several)] if several else None


def _take(several: list[T], number: int) -> T | None:
    """One of them, which is theirs no longer."""
    return several.pop(number % len(several)) if several else None
