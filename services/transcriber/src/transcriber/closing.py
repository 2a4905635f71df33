"""Ends a recording whose parts are settled: joins what was heard, and hands the record on.

Where parts are missing they are gaps of the record, told with their times; never text. A recording that has
been imported with gaps, and whose gaps were asked for again, is amended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_contracts import Encoded
from pipeline_runtime.failures import NO_SPEECH, ItemProblem, Transient
from pipeline_runtime.tasks import Task, Worker
from transcriber import manifest
from transcriber.activity import Activity
from transcriber.audio import Part as Stretch
from transcriber.deps import Deps
from transcriber.languages import outvoted
from transcriber.manifest import Part, Plan
from transcriber.planning import LOOKED_AT
from transcriber.results import Gap, Made, amendment_of, record_of
from transcriber.sending import failure, send_result
from transcriber.trying import Ended, attempt

log = structlog.get_logger()


@dataclass(frozen=True)
class Settled:
    """A recording none of whose parts is open."""

    plan: Plan
    parts: list[Part]


class Closer:
    """The work on recordings in parts."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def work(self, lease: Worker, task: Task) -> Ended:
        """How it ended: `sent`, `failed` or `open`. Raises LeaseLost."""
        async with lease.holding(task):
            settled = await self._look(lease, task)
            if settled is None:
                return Ended("open")
            activity = Activity(self._deps.publisher, task)
            activity.note("publishing")
            await activity.tell()
            message = await attempt(task, self._message(task, settled))
            if isinstance(message, Transient):
                await lease.later(task, LOOKED_AT)
                return Ended("later")
            if isinstance(message, ItemProblem):
                await self._fail(lease, task, settled.plan, message)
                return Ended("failed")
            await send_result(self._deps.publisher, lease, task, message)
        return Ended("sent")

    async def _fail(self, lease: Worker, task: Task, plan: Plan, problem: ItemProblem) -> None:
        """A recording that is in the library stays as it is."""
        if plan.version > 1:
            log.warning("recording.not_amended", code=problem.code)
            async with self._deps.database.begin() as connection:
                await manifest.take_back(connection, plan)
                await lease.done(task, within=connection)
        else:
            await send_result(self._deps.publisher, lease, task, failure(task, problem))

    async def _look(self, lease: Worker, task: Task) -> Settled | None:
        """The parts; None where some are open, which have a task each then."""
        item = manifest.item_of(task)
        async with self._deps.database.begin() as connection:
            plan = await manifest.lock_plan(connection, item)
            if plan is not None and plan.attempt < task.attempt:
                await manifest.ask_again(connection, task)
            parts = await manifest.find_parts(connection, item)
            waiting = [part for part in parts if not part.is_settled]
            for part in waiting:
                await manifest.add_task(connection, task, part.number)
            if plan is None or waiting or await _doubt(connection, task, plan, parts):
                await lease.later(task, LOOKED_AT, counted=False, within=connection)
                return None
        return Settled(plan, parts)

    async def _message(self, task: Task, settled: Settled) -> Encoded:
        """Raises ItemProblem where there is nothing to hand on."""
        plan, parts = settled.plan, settled.parts
        heard = [(part.piece, part.heard) for part in parts if part.heard]
        gaps = [Gap(part.piece.start, part.piece.end, part.problem) for part in parts if part.problem]
        made = Made(plan.seconds or 0.0, heard, gaps)
        if not made.whole.text:
            raise gaps[0].problem if gaps else ItemProblem(NO_SPEECH)
        if plan.version > 1:
            return amendment_of(plan.ticket, task, made, version=plan.version)
        return record_of(plan.ticket, task, made)


async def _doubt(connection: AsyncConnection, task: Task, plan: Plan, parts: Sequence[Part]) -> bool:
    """Whether parts seem to be in a wrong language, and are asked for once more; not once it is imported."""
    if plan.version > 1 or plan.ticket.language or any(part.language for part in parts):
        return False
    heard = [
        (Stretch(part.number, 0.0, part.piece.seconds), part.heard.transcript) for part in parts if part.heard
    ]
    language, numbers = outvoted(heard)
    for number in numbers:
        await manifest.doubt(connection, task, number, str(language))
    return bool(numbers)
