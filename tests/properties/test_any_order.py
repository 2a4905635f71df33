"""Whatever comes late, twice, in another order or not at all: the end is that of the plain order.

STORIES=500 tries that many stories, other ones each time; without it, the same few.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from pipeline_contracts import RECORDING_CREATED
from tests.properties.outcome import outcome_of
from tests.properties.pipeline import Pipeline
from tests.properties.provider import BAD, GOOD, TEAMS, Call
from tests.properties.story import Step, Story

STORIES = int(os.environ.get("STORIES", "0"))
"""0: the few of every run."""
FEW = 25
OFTEN = ("deliver", "fetch", "fetch twice", "hold", "list all", "retry", "time")
SELDOM = (
    "deliver many", "list", "lose", "page", "push", "reconcile", "repeat", "schedule", "stop listing", "sync",
)  # fmt: skip

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(max(600, STORIES * 30)),
]  # fmt: skip

fates = st.sampled_from((*GOOD, *GOOD, *BAD))
teams = st.sampled_from((TEAMS, TEAMS[:1], TEAMS[1:]))
drawn_worlds = st.lists(st.tuples(fates, teams), min_size=1, max_size=4).map(
    lambda drawn: tuple(Call(str(number), fate, whose) for number, (fate, whose) in enumerate(drawn))
)
FEW_WORLDS = (
    (Call("0", "late", TEAMS), Call("1", "stumbles", TEAMS)),
    (Call("0", "stumbles", TEAMS[:1]), Call("1", "plain", TEAMS), Call("2", "refused", TEAMS)),
    (Call("0", "late", TEAMS[:1]), Call("1", "late", TEAMS[1:]), Call("2", "deleted", TEAMS)),
)
steps = st.tuples(st.sampled_from(OFTEN * 2 + SELDOM), st.integers(0, 59))
stories = st.lists(st.lists(steps, min_size=1, max_size=2), min_size=16, max_size=60)


LISTED: list[list[Step]] = [[("list all", 0)], *[[("deliver", 0)]] * 3]
OVERTAKEN: list[list[Step]] = [*LISTED, *[[("fetch twice", 0)]] * 4]
"""Each call's failure and its record are under way together."""
LATER_THAN_ANOTHER: list[list[Step]] = [
    *LISTED, *([(step, number)] for number in range(1, 5) for step in ("fetch twice", "hold")),
]  # fmt: skip
"""Each first record comes when another item has long brought the call."""
_plain: dict[tuple[Call, ...], dict[str, Any]] = {}
"""What worlds come to in the plain order."""


async def told(pipeline: Pipeline, calls: Sequence[Call], happens: Sequence[Sequence[Step]]) -> dict[str, Any]:
    """What a story comes to, once everything was delivered."""
    story = await Story.begin(pipeline, calls)
    for together in happens:
        await story.go(together)
    await story.settle()
    return await outcome_of(story)


async def test_what_came_twice_and_late_is_announced_once(pipeline: Pipeline) -> None:
    calls = [Call(str(number), "plain", TEAMS) for number in range(4)]
    late: list[list[Step]] = [
        [("push", 0), ("push", 1)], [("deliver many", 0)], [("fetch", 0), ("fetch", 0)], [("repeat", 0), ("repeat", 1)],
        [("deliver many", 1), ("repeat", 0)], [("list", 0)], [("page", 0), ("deliver", 0)], [("deliver many", 1)],
    ]  # fmt: skip
    library = await told(pipeline, calls, late)
    assert [len(recordings) for recordings, _ in library.values()] == [4, 4]
    await pipeline.recorder.drain()
    messages = await pipeline.stack.messages(RECORDING_CREATED.name, at_least=8)
    assert Counter(dict(one.headers)["ce_id"].decode() for one in messages) == pipeline.announced


@settings(
    max_examples=STORIES or FEW, derandomize=not STORIES, database=None, deadline=None, print_blob=bool(STORIES),
    suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, *([Phase.shrink] if STORIES else [])),
)  # fmt: skip
@example(calls=FEW_WORLDS[0], happens=OVERTAKEN)
@example(calls=FEW_WORLDS[0], happens=LATER_THAN_ANOTHER)
@given(calls=drawn_worlds if STORIES else st.sampled_from(FEW_WORLDS), happens=stories)
async def test_the_tables_end_the_same_in_any_order(
    pipeline: Pipeline, calls: tuple[Call, ...], happens: list[list[Step]]
) -> None:
    if calls not in _plain:
        _plain[calls] = await told(pipeline, calls, ())
    assert await told(pipeline, calls, happens) == _plain[calls]
