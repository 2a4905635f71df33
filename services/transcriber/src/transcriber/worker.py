"""The workers: take a task under a lease, make its transcript, send the result, mark it sent.

A worker that dies leaves its row to the next one: the lease ends, finished parts are in the
database, and a record that was sent twice is the same record.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from sqlalchemy.exc import SQLAlchemyError

from pipeline_contracts import About, AudioReceived, Encoded
from pipeline_runtime import metrics
from pipeline_runtime.failures import INTERNAL_ERROR, TRANSCRIPT_TOO_LARGE, ItemProblem, Transient
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.tasks import Bell, LeaseLost, Task, Worker
from transcriber.activity import Activity
from transcriber.results import failure_of, record_of
from transcriber.tickets import KIND
from transcriber.transcribing import Deps, saved_result, transcribe

TRIES = 5
"""Of one attempt, with waits of 3, 6, 12 and 24 seconds and up to half as much again."""
FIRST_WAIT = 3.0
LONGEST_WAIT = 3600.0
STARTS = 10
"""How often a file may be begun: one that kills its worker each time must not do so for ever."""
_PAUSE = 1.0  # seconds between tries at a database or a Kafka that does not answer
_COUNTED_EVERY = 10.0

log = structlog.get_logger()


class Workers:
    """Some workers side by side in one process."""

    def __init__(self, deps: Deps, publisher: Publisher, bell: Bell, *, count: int, lease: timedelta) -> None:
        self._deps = deps
        self._publisher = publisher
        self._bell = bell
        self._leases = [Worker(deps.database, KIND, lease=lease) for _ in range(count)]

    async def run(self) -> None:
        """Work until cancelled. Then what is under way is put back, for whoever comes next."""
        async with asyncio.TaskGroup() as group:
            for lease in self._leases:
                group.create_task(self._work_on(lease))
            group.create_task(self._count())

    async def _work_on(self, lease: Worker) -> None:
        while True:
            task = await self._claim(lease)
            if task is None:
                await self._bell.wait()
            else:
                await self._work(lease, task)

    async def _claim(self, lease: Worker) -> Task | None:
        try:
            return await lease.claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("task.not_claimed", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            return None

    async def _work(self, lease: Worker, task: Task) -> None:
        """One try at a task, whatever comes of it."""
        with structlog.contextvars.bound_contextvars(
            job=str(task.job_id), item=str(task.item_id), owner=str(task.owner_user_id), attempt=task.attempt
        ):
            log.info("task.begun", tries=task.tries)
            outcome = "interrupted"
            try:
                outcome = await self._attempt(lease, task)
            except LeaseLost:
                outcome = "lease_lost"
            except asyncio.CancelledError:
                await self._put_back(lease, task, timedelta(0))
                raise
            except Exception as error:  # the database is away, most likely: the lease ends, or we put it back
                log.exception("task.interrupted", error=type(error).__name__)
                await self._put_back(lease, task, timedelta(seconds=wait_before(task.tries, None)))
            finally:
                metrics.TASKS_ENDED.labels(KIND, outcome).inc()
                log.info("task.ended", outcome=outcome)

    async def _attempt(self, lease: Worker, task: Task) -> str:
        """How it ended: `sent`, `failed` or `later`. Raises LeaseLost."""
        ticket = AudioReceived.model_validate(task.payload)
        activity = Activity(self._publisher, ticket, task.owner_user_id)
        async with lease.holding(task):
            async with activity.told():
                result = await self._result(task, ticket, activity)
                if isinstance(result, Encoded):
                    activity.note("publishing")
                    await self._send(result, task)
                    with suppress(LeaseLost):  # the recorder was quicker: the item has ended, the row is gone
                        await lease.sent(task)
                    return "sent"
            wait = timedelta(seconds=wait_before(task.tries, result.retry_after))
            log.warning("task.later", code=result.code, seconds=wait.total_seconds())
            await lease.later(task, wait)
        await activity.tell_wait(wait)
        return "later"

    async def _result(self, task: Task, ticket: AudioReceived, activity: Activity) -> Encoded | Transient:
        """The record, the failure that ends the attempt, or why to try again later."""
        try:
            return await self._record(task, ticket, activity)
        except SQLAlchemyError:
            raise
        except ItemProblem as problem:
            found = problem
        except Exception:
            log.exception("task.bug")
            found = Transient(INTERNAL_ERROR)
        if isinstance(found, Transient) and task.tries < TRIES:
            return found
        log.warning("task.failed", code=found.code)
        return failure_of(_about(task), task.owner_user_id, found)

    async def _record(self, task: Task, ticket: AudioReceived, activity: Activity) -> Encoded:
        result = await saved_result(self._deps, ticket)
        if result is None and task.tries > STARTS:
            raise ItemProblem(INTERNAL_ERROR)
        if result is None:
            result = await transcribe(self._deps, ticket, activity)
        by = {"engine": self._deps.engine.name, "model": self._deps.engine.model}
        return record_of(ticket, task.owner_user_id, result.transcript, seconds=result.seconds, by=by)

    async def _send(self, message: Encoded, task: Task) -> None:
        """Until Kafka has it: the transcript is made, and only a lost lease ends the trying."""
        while True:
            try:
                await self._publisher.send(message)
            except MessageSizeTooLargeError:
                problem = ItemProblem(TRANSCRIPT_TOO_LARGE)
                message = failure_of(_about(task), task.owner_user_id, problem)
            except Exception as error:
                log.warning("result.not_sent", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _put_back(self, lease: Worker, task: Task, wait: timedelta) -> None:
        """Give the row up before its lease ends, as far as the database lets us."""
        try:
            async with asyncio.timeout(3):
                await lease.later(task, wait)
        except Exception as error:
            log.warning("task.not_put_back", error=type(error).__name__)

    async def _count(self) -> None:
        while True:
            try:
                metrics.TASKS_WAITING.labels(KIND).set(await self._leases[0].waiting())
            except (SQLAlchemyError, OSError) as error:
                log.warning("tasks.not_counted", error=type(error).__name__)
            await asyncio.sleep(_COUNTED_EVERY)


def wait_before(tries: int, asked: float | None) -> float:
    """Seconds until the next try: twice as long each time, with jitter, and never before the engine wants."""
    own = FIRST_WAIT * 2.0 ** min(tries - 1, 6) * random.uniform(1.0, 1.5)  # noqa: S311  no secret
    return min(max(own, asked or 0.0), LONGEST_WAIT)


def _about(task: Task) -> About:
    return About(task.job_id, task.item_id, task.attempt)
