"""What a recording is cut into, and what became of each part: rows of transcript_plans and transcript_parts.

Functions with a connection are part of their caller's transaction. Whoever changes how parts stand locks the
plan before anything else: so one of the last two to finish sees that all is done, and nobody waits in a ring.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_contracts import AudioReceived
from pipeline_runtime import tasks
from pipeline_runtime.failures import ItemProblem, Problem
from pipeline_runtime.tasks import Task
from transcriber import statements as sql
from transcriber.transcript import Transcript

WHOLE, PART = "transcribe", "transcribe_part"
"""The kinds of tasks: of a recording, which is cut first and joined at last, and of one of its parts."""


class SavedPart(BaseModel):
    """A part's transcript, its times from the part's start, and by which engine and model."""

    model_config = ConfigDict(frozen=True)

    engine: str
    model: str
    transcript: Transcript


@dataclass(frozen=True)
class Piece:
    """A part: what of the recording is in it (`spans`, in seconds), and where its sound lies.

    `seconds` is the length of its sound, `speech` how much of that is speech.
    """

    key: str
    sha256: str
    spans: tuple[tuple[float, float], ...]
    seconds: float
    speech: float

    @property
    def start(self) -> float:
        """When it begins, in seconds of the recording."""
        return self.spans[0][0]

    @property
    def end(self) -> float:
        """When it ends."""
        return self.spans[-1][1]


@dataclass(frozen=True)
class Part:
    """A part as it stands: heard, a gap, or neither yet.

    `doubted` is what was heard in another language than the other parts', and `language` theirs.
    """

    number: int
    piece: Piece
    heard: SavedPart | None
    problem: ItemProblem | None
    doubted: SavedPart | None = None
    language: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.heard is not None or self.problem is not None


@dataclass(frozen=True)
class Plan:
    """What an item's transcript is made by. `seconds` is None until the recording is cut."""

    item: UUID
    owner: UUID
    attempt: int
    ticket: AudioReceived
    seconds: float | None
    version: int


async def begin_plan(connection: AsyncConnection, ticket: AudioReceived, task: Task) -> None:
    """From now on objects may lie under the owner and the item."""
    values = {"item": ticket.item_id, "owner": task.owner_user_id, "attempt": task.attempt}
    await connection.execute(sql.BEGIN, {**values, "ticket": ticket.model_dump_json()})


async def lock_plan(connection: AsyncConnection, item: UUID) -> Plan | None:
    """The item's plan, held until the transaction's end."""
    row = (await connection.execute(sql.LOCK, {"item": item})).mappings().one_or_none()
    if row is None:
        return None
    ticket = AudioReceived.model_validate(row["ticket"])
    return Plan(item, row["owner_user_id"], row["attempt"], ticket, row["seconds"], row["version"])


async def save_plan(
    connection: AsyncConnection, task: Task, seconds: float, pieces: Sequence[Piece], *, first_alone: bool
) -> None:
    """The recording's parts, and a task for each. What was heard of an equal part before stays heard.

    `first_alone`: a task for the first part, until that is settled; `open_rest` then makes the others.
    """
    item = item_of(task)
    heard = {row.sha256: row.result for row in await connection.execute(sql.OLD, {"item": item}) if row.result}
    await connection.execute(sql.CUT, {"item": item, "seconds": seconds})
    for number, piece in enumerate(pieces):
        result = heard.get(piece.sha256)
        await _add(connection, item, number, piece, json.dumps(result) if result else None)
        if not result and not (first_alone and number):
            await add_task(connection, task, number)
    await wake(connection, item)


async def replace_part(connection: AsyncConnection, task: Task, pieces: Sequence[Piece]) -> None:
    """Smaller parts in place of the task's, which is too long for the engine."""
    item = item_of(task)
    number = int(await connection.scalar(sql.LAST, {"item": item}) or 0)
    await connection.execute(sql.DROP, {"item": item, "part": task.part})
    for piece in pieces:
        number += 1
        await _add(connection, item, number, piece, None)
        await add_task(connection, task, number)


async def add_task(connection: AsyncConnection, task: Task, part: int) -> None:
    """A part's task, with the same urgency as the recording's; one that is there stays."""
    await tasks.add(
        connection, kind=PART, job=task.job_id, item=item_of(task), attempt=task.attempt, payload={}, part=part,
        account=task.account_id, priority=task.priority,
    )  # fmt: skip


async def open_rest(connection: AsyncConnection, task: Task) -> None:
    """A task for each part that is open and has none."""
    for part in await find_parts(connection, item_of(task)):
        if not part.is_settled:
            await add_task(connection, task, part.number)


async def take(connection: AsyncConnection, task: Task) -> tuple[AudioReceived, Part, bool] | None:
    """The recording's ticket, the task's part and whether there are others. None: it is no longer wanted."""
    item = item_of(task)
    plan = (await connection.execute(sql.TAKE, {"item": item})).one_or_none()
    row = (await connection.execute(sql.ONE, {"item": item, "part": task.part})).mappings().one_or_none()
    if plan is None or row is None:
        return None
    return AudioReceived.model_validate(plan.ticket), _part(row), plan.parts > 1


async def find_parts(connection: AsyncConnection, item: UUID) -> list[Part]:
    """The item's parts in the order of the recording."""
    return [_part(row) for row in (await connection.execute(sql.PARTS, {"item": item})).mappings()]


async def find_first(connection: AsyncConnection, item: UUID) -> Part | None:
    """The item's first part."""
    row = (await connection.execute(sql.FIRST, {"item": item})).mappings().one_or_none()
    return _part(row) if row else None


async def save_heard(connection: AsyncConnection, task: Task, saved: SavedPart) -> None:
    """The part is heard."""
    await _settle(connection, sql.HEARD, task, result=saved.model_dump_json())


async def save_gap(connection: AsyncConnection, task: Task, problem: ItemProblem) -> None:
    """The part is a gap."""
    told = {"code": problem.code, "message": problem.message, "retryable": problem.retryable}
    await _settle(connection, sql.MISSING, task, **told)


async def _settle(connection: AsyncConnection, statement: Any, task: Task, **values: Any) -> None:
    item = item_of(task)
    await connection.execute(statement, {"item": item, "part": task.part, **values})
    await wake(connection, item)


async def wake(connection: AsyncConnection, item: UUID) -> None:
    """Let the recording be joined now, if all its parts are settled."""
    if await connection.scalar(sql.WAKE, {"item": item, "kind": WHOLE}) is not None:
        await tasks.notify(connection, WHOLE)


async def ask_again(connection: AsyncConnection, task: Task) -> None:
    """A later attempt at the item: what is a gap is asked for again."""
    values = {"item": task.item_id, "attempt": task.attempt, "ticket": json.dumps(task.payload)}
    await connection.execute(sql.ATTEMPT, values)
    await connection.execute(sql.AGAIN, {"item": task.item_id})


async def take_back(connection: AsyncConnection, plan: Plan) -> None:
    """This version will not come: gaps may be asked for again."""
    await connection.execute(sql.TAKE_BACK, {"item": plan.item, "version": plan.version})


async def doubt(connection: AsyncConnection, task: Task, part: int, language: str) -> None:
    """Have a part asked for again, in this language; what was heard is kept for comparison."""
    await connection.execute(sql.DOUBT, {"item": item_of(task), "part": part, "language": language})
    await add_task(connection, task, part)


async def note_progress(connection: AsyncConnection, task: Task, done: float) -> tuple[float, float] | None:
    """Enter the seconds of a part that are done; answers the recording's, of all parts, and its length."""
    values = {"item": task.item_id, "part": task.part, "done": done}
    row = (await connection.execute(sql.PROGRESS, values)).one_or_none()
    return (row.share * row.total, row.total) if row and row.total is not None else None


async def _add(connection: AsyncConnection, item: UUID, number: int, piece: Piece, result: str | None) -> None:
    values = {
        "item": item, "part": number, "key": piece.key, "sha256": piece.sha256,
        "spans": json.dumps(piece.spans), "start": piece.start, "seconds": piece.seconds,
        "speech": piece.speech, "result": result,
    }  # fmt: skip
    await connection.execute(sql.ADD, values)


def _part(row: RowMapping) -> Part:
    spans = tuple((start, end) for start, end in row["spans"])
    piece = Piece(row["object_key"], row["sha256"], spans, row["seconds"], row["speech_s"])
    problem = _problem(row) if row["code"] else None
    return Part(row["part"], piece, _saved(row["result"]), problem, _saved(row["doubted"]), row["language"])


def _saved(result: Any) -> SavedPart | None:
    try:
        return SavedPart.model_validate(result) if result else None
    except ValidationError:
        return None  # of another release: asked for again


def _problem(row: RowMapping) -> ItemProblem:
    return ItemProblem(Problem(row["code"], row["message"], row["retryable"]))


def item_of(task: Task) -> UUID:
    """The item that a task is of: all of ours have one."""
    assert task.item_id is not None
    return task.item_id
