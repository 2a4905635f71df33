"""Sends a recording's result and marks its task as sent. The row stays until the item has ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from pipeline_contracts import About, Encoded
from pipeline_runtime.failures import TRANSCRIPT_TOO_LARGE, ItemProblem
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.tasks import LeaseLost, Task, Worker
from transcriber.results import failure_of

_PAUSE = 1.0  # seconds between tries at a Kafka that does not answer

log = structlog.get_logger()


async def send_result(publisher: Publisher, lease: Worker, task: Task, message: Encoded) -> None:
    """Until Kafka has it: the transcript is made, and only a lost lease ends the trying."""
    while True:
        try:
            await publisher.send(message)
        except MessageSizeTooLargeError:
            message = failure(task, ItemProblem(TRANSCRIPT_TOO_LARGE))
        except Exception as error:
            log.warning("result.not_sent", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)
        else:
            break
    with suppress(LeaseLost):  # the recorder was quicker: the item has ended, the row is gone
        await lease.sent(task)


def failure(task: Task, problem: ItemProblem) -> Encoded:
    """The end of the task's attempt."""
    log.warning("task.failed", code=problem.code)
    about = About(task.job_id, task.item_id, task.attempt)
    return failure_of(about, task.owner_user_id, problem)
