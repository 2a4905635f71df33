"""One story: two users with three connections to two accounts, calls with fates, and whatever happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from tests.properties.pipeline import Pipeline
from tests.properties.provider import GOOD, TEAMS, Call
from tests.support.stack import Person

T = TypeVar("T")
Step = tuple[str, int]
"""What happens, and a number that says to which of those that it may happen to."""
TIMES = (timedelta(minutes=3), timedelta(minutes=3), timedelta(minutes=70), timedelta(hours=25))
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
        self._steps: dict[str, Callable[[int], Awaitable[object]]] = {
            "deliver": self._deliver, "repeat": self._repeat, "lose": self._lose, "deliver many": self._deliver_many,
            "list": self._list, "page": self._page, "stop listing": self._stop_listing,
            "fetch": self._fetch, "retry": self._retry, "push": self._push, "sync": self._sync,
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
        await self._steps[kind](number)

    async def settle(self) -> None:
        """All that was delayed comes, and everybody does their work until nothing is left. Raises AssertionError."""
        for _ in range(ROUNDS):
            await self._work_off()
            left = dict(await self.pipeline.stack.owner.fetchrow(_LEFT) or {})
            if not any(left.values()):
                return
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

    async def _deliver(self, number: int) -> None:
        for message in _taken(self.pipeline.road, number):
            await self.pipeline.deliver(message)

    async def _repeat(self, number: int) -> None:
        for message in _picked(self.pipeline.road, number):
            await self.pipeline.deliver(message)

    async def _lose(self, number: int) -> None:
        for _ in _taken(self.pipeline.road, number):
            return

    async def _deliver_many(self, number: int) -> None:
        """Each second one, the latest first, and one of them twice."""
        road = self.pipeline.road
        some = [road.pop(place) for place in range(len(road) - 1, -1, -2)]
        await self.pipeline.deliver(*some, *_picked(some, number))

    async def _list(self, _: int) -> None:
        await self.pipeline.begin_listing()

    async def _page(self, number: int) -> None:
        for one in _taken(self.pipeline.listings, number):
            if await one.step():
                self.pipeline.listings.append(one)

    async def _stop_listing(self, number: int) -> None:
        for one in _taken(self.pipeline.listings, number):
            one.run.cancel()
            await asyncio.gather(one.run, return_exceptions=True)

    async def _fetch(self, number: int) -> None:
        await self.pipeline.fetch(dies=("", "", "", "before", "after")[number % 5])

    async def _retry(self, number: int) -> None:
        async with self._looking:  # the owner has one connection
            failed = await self.pipeline.stack.owner.fetch(_FAILED)
        for row in _picked(failed, number):
            await self.pipeline.retry(row["owner_user_id"], [row["id"]])

    async def _push(self, number: int) -> None:
        for call in _picked(self.pipeline.provider.calls, number):
            team = call.teams[number % len(call.teams)]
            await self.pipeline.push(team, call.id, again=number % 4 == 3)

    async def _sync(self, number: int) -> None:
        for person, account in _picked(self._accounts, number):
            await self.pipeline.sync(person, account)

    async def _reconcile(self, _: int) -> None:
        await self.pipeline.look_after()

    async def _schedule(self, _: int) -> None:
        await self.pipeline.look_at_clock()

    async def _time(self, number: int) -> None:
        await self.pipeline.pass_time(TIMES[number % len(TIMES)])


def _picked(several: Sequence[T], number: int) -> Iterator[T]:
    """One of them, or none of none."""
    if several:
        yield several[number % len(several)]


def _taken(several: list[T], number: int) -> Iterator[T]:
    """One of them, which is theirs no longer."""
    if several:
        yield several.pop(number % len(several))
