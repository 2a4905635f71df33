"""One batch: whose each record is, what there is room for, and one statement that does the rest."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from pipeline_contracts import About, ItemFailed, ItemSkipped, Segment, TranscriptAmended
from pipeline_runtime import outbox
from pipeline_runtime.failures import (
    FORBIDDEN_VAULT,
    INVALID_RECORD,
    QUOTA_EXCEEDED,
    TRANSCRIPT_TOO_LARGE,
    UNREADABLE_MESSAGE,
    Problem,
)
from pipeline_runtime.identifiers import uuid7s
from recorder import announce
from recorder import statements as sql
from recorder.amending import amend
from recorder.books import Books, Connection, told
from recorder.results import Amendment, Bad, Failure, Nudge, Record, Result, Skip
from recorder.skipping import skip

Key = tuple[UUID, str, str]

_SEGMENTS = TypeAdapter(tuple[Segment, ...])
_REASONS = {
    "message_too_large": TRANSCRIPT_TOO_LARGE,
    "nul_character": INVALID_RECORD,
    "invalid_message": INVALID_RECORD,
}


@dataclass(slots=True)
class Candidate:
    """A record with the item it ends and the place it goes to. `event` is the id of its event's row."""

    source: Record
    item: UUID
    key: Key
    attempt: int
    bank: UUID
    vault: UUID
    limit: int | None
    id: UUID
    event: UUID


@dataclass
class Outcome:
    """What a batch has done, once it is committed: rows to relay, messages to park, ends to count."""

    rows: list[outbox.Row] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    ended: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)


class Batch:
    """The writing of one list of results. Used once."""

    def __init__(self, connection: Connection, public_url: str) -> None:
        self._db = connection
        self._public_url = public_url
        self._outcome = Outcome()
        self._failures: list[ItemFailed] = []

    async def write(self, results: Sequence[Result]) -> Outcome:
        """Write all of it, or raise: then what is written is whole, and is not written again.

        Records alone are one statement; what fails and what is nudged follows in a transaction of its own.
        """
        for result in results:
            if isinstance(result, Bad):
                self._park(result)
        self._failures += [result.failed for result in results if isinstance(result, Failure)]
        records = [result for result in results if isinstance(result, Record)]
        if records:
            await self._record(await self._judge(records))
        nudged = [result.job for result in results if isinstance(result, Nudge)]
        skips = [result.skipped for result in results if isinstance(result, Skip)]
        amended = [result.amended for result in results if isinstance(result, Amendment)]
        if self._failures or skips or nudged or amended:
            await self._enter(skips, nudged, amended)
        return self._outcome

    async def _enter(
        self, skips: list[ItemSkipped], nudged: list[UUID], amended: list[TranscriptAmended]
    ) -> None:
        books = Books(self._db)
        async with self._db.transaction():
            await amend(self._db, books, amended, self._public_url)
            await books.fail(self._failures)
            await skip(books, skips)
            await books.balance(nudged)
            self._outcome.rows += await books.say()
        self._outcome.ended += books.ended

    async def _judge(self, records: list[Record]) -> list[Candidate]:
        """Whose each record is. What belongs to no open item of its job is parked."""
        items = await self._db.fetch(
            sql.FIND_ITEMS, [one.job for one in records], [one.record.external_id for one in records]
        )
        found = {row["n"]: row for row in items}
        candidates: dict[UUID, Candidate] = {}
        ids = tuple(zip(uuid7s(len(records)), uuid7s(len(records)), strict=True))
        for place, record in enumerate(records):
            row = found.get(place + 1)
            if row is None:
                self._park(Bad("not_admitted", "", None, record.raw))
            elif row["source_app"] != record.record.source_app:
                about = About(record.job, row["id"], row["attempt"])
                self._park(Bad("source_mismatch", "", about, record.raw))
            elif row["status"] not in ("imported", "duplicate"):
                candidates[row["id"]] = _candidate(record, row, ids[place])
        placed = await self._place(list(candidates.values()))
        return sorted(placed, key=lambda one: one.key)

    def _park(self, bad: Bad) -> None:
        """What nobody can read still ends its item, where it names one."""
        self._outcome.bad.append(bad)
        if bad.about and bad.about.item:
            problem = _REASONS.get(bad.reason, UNREADABLE_MESSAGE)
            self._failures.append(_failed(bad.about.job, bad.about.item, bad.about.attempt, problem))

    def _fail(self, one: Candidate, problem: Problem) -> None:
        self._failures.append(_failed(one.source.job, one.item, one.attempt, problem))

    async def _place(self, candidates: list[Candidate]) -> list[Candidate]:
        """Put records where they say that they belong, and fail those that may not go there."""
        asking = [one for one in candidates if one.source.record.bank_id or one.source.record.vault_id]
        if not asking:
            return candidates
        for one in asking:
            one.bank = one.source.record.bank_id or one.bank
            one.vault = one.source.record.vault_id or one.vault
        rows = await self._db.fetch(
            sql.FIND_ALLOWED_PLACES,
            [one.key[0] for one in asking], [one.bank for one in asking], [one.vault for one in asking],
        )  # fmt: skip
        allowed = {(row["owner"], row["bank"], row["vault"]) for row in rows}
        refused = [one for one in asking if (one.key[0], one.bank, one.vault) not in allowed]
        for one in refused:
            self._fail(one, FORBIDDEN_VAULT)
        return [one for one in candidates if one not in refused]

    async def _record(self, candidates: list[Candidate]) -> None:
        """Import what is new, up to the limit of each owner; the rest is duplicate or over the limit."""
        limits = {one.key[0]: one.limit for one in candidates if one.limit is not None}
        async with self._db.transaction() if limits else nullcontext():
            over = await self._over_the_limit({one.key for one in candidates}, limits) if limits else set()
            waiting = candidates
            while waiting:
                settled = await self._record_once(waiting, over)
                unsettled = [one for one in waiting if one.item not in settled]
                waiting = [one for one in unsettled if one.key not in over]
                for one in unsettled:
                    if one.key in over:
                        self._fail(one, QUOTA_EXCEEDED)

    async def _record_once(self, candidates: list[Candidate], over: set[Key]) -> set[UUID]:
        """Run the statement; which items have ended."""
        announcements = announce.Announcements(datetime.now(UTC), self._public_url)
        events = [
            announcements.of(
                one.source.record, recording=one.id, owner=one.key[0], bank=one.bank, vault=one.vault,
                job=one.source.job,
            )
            for one in candidates
        ]  # fmt: skip
        records = [one.source.record for one in candidates]
        row = await self._db.fetchrow(
            sql.RECORD,
            [one.id for one in candidates],
            [one.key[0] for one in candidates],
            [one.bank for one in candidates],
            [one.vault for one in candidates],
            [one.item for one in candidates],
            [one.key not in over for one in candidates],
            [one.key[1] for one in candidates],
            [one.key[2] for one in candidates],
            [record.title for record in records],
            [record.full_transcript for record in records],
            [to_json(record.source_metadata).decode() for record in records],
            [record.duration for record in records],
            [record.recording_start_time for record in records],
            [_SEGMENTS.dump_json(record.segments).decode() if record.segments else None for record in records],
            [one.event for one in candidates],
            [event.value.decode() for event in events],
            [announcements.headers_json(one.id) for one in candidates],
        )
        assert row is not None
        created = set(row["created"] or ())
        now = time.monotonic()
        self._outcome.rows += [
            outbox.Row(one.event, event, now)
            for one, event in zip(candidates, events, strict=True) if one.id in created
        ]  # fmt: skip
        self._outcome.rows += told(row["told"])
        self._outcome.created.update(one.key[1] for one in candidates if one.id in created)
        for end in json.loads(row["ended"] or "[]"):
            self._outcome.ended[end["source_app"], end["status"], ""] += end["n"]
        return set(row["settled"] or ())

    async def _find(self, keys: set[Key]) -> set[Key]:
        """Those that are in the library."""
        rows = await self._db.fetch(sql.FIND_RECORDINGS, *zip(*sorted(keys), strict=True))
        return {(row["owner_user_id"], row["source_app"], row["external_id"]) for row in rows}

    async def _over_the_limit(self, keys: set[Key], limits: dict[UUID, int]) -> set[Key]:
        """The keys for which there is no room this month. Owners with a limit are locked, in order."""
        await self._db.execute(sql.MAKE_USAGE, sorted(limits))
        usage = {
            row["owner_user_id"]: row["used"] for row in await self._db.fetch(sql.LOCK_USAGE, sorted(limits))
        }
        limited = {key for key in keys if key[0] in limits}
        taken: Counter[UUID] = Counter()
        over = set()
        for key in sorted(limited - await self._find(limited)):
            if usage[key[0]] + taken[key[0]] < limits[key[0]]:
                taken[key[0]] += 1
            else:
                over.add(key)
        if taken:
            await self._db.execute(sql.ADD_USAGE, *zip(*sorted(taken.items()), strict=True))
        return over


def _candidate(record: Record, item: asyncpg.Record, ids: tuple[UUID, UUID]) -> Candidate:
    key = (item["owner_user_id"], item["source_app"], record.record.external_id)
    return Candidate(
        record,
        item["id"],
        key,
        item["attempt"],
        item["bank"],
        item["vault"],
        item["monthly_imports"],
        *ids,
    )


def _failed(job: UUID, item: UUID, attempt: int, problem: Problem) -> ItemFailed:
    return ItemFailed(
        job_id=job,
        item_id=item,
        attempt=attempt,
        code=problem.code,
        message=problem.sentence,
        retryable=problem.retryable,
    )
