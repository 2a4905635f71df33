"""One batch, one transaction: dedup, quota, insert, items, jobs, and what others are to hear of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from pipeline_contracts import About, ItemFailed, Segment
from pipeline_runtime import outbox
from pipeline_runtime.failures import CATALOGUE, FORBIDDEN_VAULT, UNREADABLE_MESSAGE, Problem
from recorder import announce
from recorder import statements as sql
from recorder.books import Books, Connection
from recorder.identifiers import uuid7s
from recorder.results import Bad, Failure, Nudge, Record, Result

Key = tuple[UUID, str, str]

_SEGMENTS = TypeAdapter(tuple[Segment, ...])
_REASONS = {
    "message_too_large": CATALOGUE["transcript_too_large"],
    "nul_character": CATALOGUE["invalid_record"],
    "invalid_message": CATALOGUE["invalid_record"],
}


@dataclass
class Candidate:
    """A record with the item it ends and the place it goes to."""

    source: Record
    item: UUID
    key: Key
    bank: UUID
    vault: UUID
    limit: int | None
    id: UUID


@dataclass
class Outcome:
    """What a batch has done, once it is committed: rows to relay, messages to park, ends to count."""

    rows: list[outbox.Row] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    ended: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class End:
    """How an item ends by its record."""

    item: UUID
    status: str
    recording: UUID | None = None
    problem: Problem | None = None


class Batch:
    """The writing of one list of results. Made for one transaction, used once."""

    def __init__(self, connection: Connection, public_url: str) -> None:
        self._db = connection
        self._public_url = public_url
        self._books = Books(connection)
        self._outcome = Outcome()

    async def write(self, results: Sequence[Result]) -> Outcome:
        """Write all of it, or raise and have written nothing."""
        records = [result for result in results if isinstance(result, Record)]
        failures = [result.failed for result in results if isinstance(result, Failure)]
        nudged = [result.job for result in results if isinstance(result, Nudge)]
        for result in results:
            if isinstance(result, Bad):
                self._outcome.bad.append(result)
        async with self._db.transaction():
            if records:
                await self._write_records(records)
            await self._books.fail(failures + self._failures_of_bad())
            await self._books.balance(nudged)
            self._outcome.rows = await self._books.say()
        self._outcome.ended = self._books.ended
        return self._outcome

    async def _write_records(self, records: list[Record]) -> None:
        candidates, ends = await self._judge(records)
        candidates.sort(key=lambda one: one.key)
        ends += await self._insert(candidates)
        await self._end_items(ends)
        await self._end_twins(candidates, ends)

    async def _judge(self, records: list[Record]) -> tuple[list[Candidate], list[End]]:
        """Whose each record is. What belongs to no open item of its job is parked."""
        items = await self._db.fetch(
            sql.FIND_ITEMS, [one.job for one in records], [one.record.external_id for one in records]
        )
        found = {row["n"]: row for row in items}
        owners = await self._db.fetch(sql.FIND_OWNERS, list({row["owner_user_id"] for row in items}))
        homes = {row["id"]: row for row in owners}
        candidates: dict[UUID, Candidate] = {}
        ids = uuid7s(len(records))
        for place, record in enumerate(records):
            row = found.get(place + 1)
            if row is None:
                self._park(record, "not_admitted", None)
            elif row["source_app"] != record.record.source_app:
                self._park(record, "source_mismatch", About(record.job, row["id"], row["attempt"]))
            elif row["status"] not in ("imported", "duplicate"):
                home = homes[row["owner_user_id"]]
                key = (row["owner_user_id"], row["source_app"], record.record.external_id)
                candidates[row["id"]] = Candidate(
                    record, row["id"], key, home["bank"], home["vault"], home["monthly_imports"], ids[place]
                )
        refused = await self._place(list(candidates.values()))
        ends = [End(one.item, "failed", problem=FORBIDDEN_VAULT) for one in refused]
        return [one for one in candidates.values() if one not in refused], ends

    def _park(self, record: Record, reason: str, about: About | None) -> None:
        self._outcome.bad.append(Bad(reason, "", about, record.raw))

    async def _place(self, candidates: list[Candidate]) -> list[Candidate]:
        """Put records where they say that they belong; answers those that may not go there."""
        asking = [one for one in candidates if one.source.record.bank_id or one.source.record.vault_id]
        if not asking:
            return []
        for one in asking:
            one.bank = one.source.record.bank_id or one.bank
            one.vault = one.source.record.vault_id or one.vault
        rows = await self._db.fetch(
            sql.FIND_ALLOWED_PLACES,
            [one.key[0] for one in asking], [one.bank for one in asking], [one.vault for one in asking],
        )  # fmt: skip
        allowed = {(row["owner"], row["bank"], row["vault"]) for row in rows}
        return [one for one in asking if (one.key[0], one.bank, one.vault) not in allowed]

    async def _insert(self, candidates: list[Candidate]) -> list[End]:
        """Insert what is new, up to the limit of each owner; how each item ends."""
        if not candidates:
            return []
        first: dict[Key, Candidate] = {}
        for one in candidates:
            first.setdefault(one.key, one)
        over = await self._over_the_limit(first)
        wanted = [one for one in first.values() if one.key not in over]
        made = {row["recording_id"] for row in await self._insert_rows(wanted)}
        created = [one for one in wanted if one.id in made]
        await self._announce(created)
        known = {one.key: (one.id, one.item) for one in created}
        known |= await self._find({one.key for one in candidates} - known.keys() - over)
        return [self._end_of(one, known) for one in candidates]

    @staticmethod
    def _end_of(one: Candidate, known: dict[Key, tuple[UUID, UUID]]) -> End:
        if one.key not in known:
            return End(one.item, "failed", problem=CATALOGUE["quota_exceeded"])
        recording, by = known[one.key]
        return End(one.item, "imported" if by == one.item else "duplicate", recording)

    async def _find(self, keys: set[Key]) -> dict[Key, tuple[UUID, UUID]]:
        if not keys:
            return {}
        rows = await self._db.fetch(sql.FIND_RECORDINGS, *zip(*sorted(keys), strict=True))
        return {
            (row["owner_user_id"], row["source_app"], row["external_id"]): (row["id"], row["imported_by_item"])
            for row in rows
        }

    async def _over_the_limit(self, first: dict[Key, Candidate]) -> set[Key]:
        """The keys for which there is no room this month. Owners with a limit are locked, in order."""
        limits = {one.key[0]: one.limit for one in first.values() if one.limit is not None}
        if not limits:
            return set()
        await self._db.execute(sql.MAKE_USAGE, sorted(limits))
        usage = {
            row["owner_user_id"]: row["used"] for row in await self._db.fetch(sql.LOCK_USAGE, sorted(limits))
        }
        limited = {key for key in first if key[0] in limits}
        new = limited - (await self._find(limited)).keys()
        taken: Counter[UUID] = Counter()
        over = set()
        for key in (key for key in first if key in new):
            if usage[key[0]] + taken[key[0]] < limits[key[0]]:
                taken[key[0]] += 1
            else:
                over.add(key)
        if taken:
            await self._db.execute(sql.ADD_USAGE, *zip(*sorted(taken.items()), strict=True))
        return over

    async def _insert_rows(self, wanted: list[Candidate]) -> list[asyncpg.Record]:
        if not wanted:
            return []
        records = [one.source.record for one in wanted]
        return await self._db.fetch(
            sql.INSERT_RECORDINGS,
            [one.id for one in wanted],
            [one.key[0] for one in wanted],
            [one.bank for one in wanted],
            [one.vault for one in wanted],
            [one.item for one in wanted],
            [one.key[1] for one in wanted],
            [one.key[2] for one in wanted],
            [record.title for record in records],
            [record.full_transcript for record in records],
            [json.dumps(record.source_metadata) for record in records],
            [record.duration for record in records],
            [record.recording_start_time for record in records],
            [_SEGMENTS.dump_json(record.segments).decode() if record.segments else None for record in records],
        )

    async def _announce(self, created: list[Candidate]) -> None:
        now = datetime.now(UTC)
        for one in created:
            self._outcome.created[one.key[1]] += 1
            self._books.emit(
                announce.recording_created(
                    one.source.record,
                    recording=one.id,
                    owner=one.key[0],
                    bank=one.bank,
                    vault=one.vault,
                    job=one.source.job,
                    created_at=now,
                    public_url=self._public_url,
                )
            )

    async def _end_items(self, ends: list[End]) -> None:
        if ends:
            ends.sort(key=lambda end: end.item)
            columns = (
                [end.item for end in ends],
                [end.status for end in ends],
                [end.recording for end in ends],
                [end.problem.code if end.problem else None for end in ends],
                [end.problem.sentence if end.problem else None for end in ends],
            )
            await self._books.enter(sql.END_ITEMS, columns)

    async def _end_twins(self, candidates: list[Candidate], ends: list[End]) -> None:
        """In a statement of its own, after our items are locked: it sees whatever was admitted until then."""
        recordings = {end.item: end.recording for end in ends if end.recording}
        keyed = {one.key: recordings[one.item] for one in candidates if one.item in recordings}
        if keyed:
            rows = sorted((*key, recording) for key, recording in keyed.items())
            await self._books.enter(sql.END_TWINS, zip(*rows, strict=True))

    def _failures_of_bad(self) -> list[ItemFailed]:
        """What nobody can read still ends its item."""
        failures = []
        for bad in self._outcome.bad:
            if bad.about and bad.about.item:
                problem = _REASONS.get(bad.reason, UNREADABLE_MESSAGE)
                failures.append(
                    ItemFailed(
                        job_id=bad.about.job,
                        item_id=bad.about.item,
                        attempt=bad.about.attempt,
                        code=problem.code,
                        message=problem.sentence,
                        retryable=problem.retryable,
                    )
                )
        return failures
