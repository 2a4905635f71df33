"""One batch, one transaction: dedup, quota, insert, items, jobs, and what others are to hear of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from pipeline_contracts import About, ItemFailed, Segment
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
from recorder.books import Books, Connection
from recorder.results import Bad, Failure, Nudge, Record, Result

Key = tuple[UUID, str, str]

_SEGMENTS = TypeAdapter(tuple[Segment, ...])
_REASONS = {
    "message_too_large": TRANSCRIPT_TOO_LARGE,
    "nul_character": INVALID_RECORD,
    "invalid_message": INVALID_RECORD,
}


@dataclass(slots=True)
class Candidate:
    """A record with the item it ends and the place it goes to."""

    source: Record
    item: UUID
    key: Key
    attempt: int
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


class Batch:
    """The writing of one list of results. Made for one transaction, used once."""

    def __init__(self, connection: Connection, public_url: str) -> None:
        self._db = connection
        self._public_url = public_url
        self._books = Books(connection)
        self._outcome = Outcome()
        self._failures: list[ItemFailed] = []

    async def write(self, results: Sequence[Result]) -> Outcome:
        """Write all of it, or raise and have written nothing."""
        records = [result for result in results if isinstance(result, Record)]
        self._failures = [result.failed for result in results if isinstance(result, Failure)]
        nudged = [result.job for result in results if isinstance(result, Nudge)]
        for result in results:
            if isinstance(result, Bad):
                self._park(result)
        async with self._db.transaction():
            if records:
                await self._write_records(records)
            await self._books.fail(self._failures)
            await self._books.balance(nudged)
            self._outcome.rows = await self._books.say()
        self._outcome.ended = self._books.ended
        return self._outcome

    async def _write_records(self, records: list[Record]) -> None:
        candidates = await self._judge(records)
        candidates.sort(key=lambda one: one.key)
        known = await self._insert(candidates) if candidates else {}
        await self._end_items(candidates, known)
        await self._end_twins(known)

    async def _judge(self, records: list[Record]) -> list[Candidate]:
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
                self._park(Bad("not_admitted", "", None, record.raw))
            elif row["source_app"] != record.record.source_app:
                about = About(record.job, row["id"], row["attempt"])
                self._park(Bad("source_mismatch", "", about, record.raw))
            elif row["status"] not in ("imported", "duplicate"):
                candidates[row["id"]] = _candidate(record, row, homes[row["owner_user_id"]], ids[place])
        return await self._place(list(candidates.values()))

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

    async def _insert(self, candidates: list[Candidate]) -> dict[Key, tuple[UUID, UUID]]:
        """Insert what is new, up to the limit of each owner. The recording of each call, and by which item."""
        first: dict[Key, Candidate] = {}
        for one in candidates:
            first.setdefault(one.key, one)
        over = await self._over_the_limit(first)
        wanted = [one for one in first.values() if one.key not in over]
        made = {row["recording_id"] for row in await self._insert_rows(wanted)}
        created = [one for one in wanted if one.id in made]
        self._announce(created)
        known = {one.key: (one.id, one.item) for one in created}
        return known | await self._find({one.key for one in candidates} - known.keys() - over)

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
            [to_json(record.source_metadata).decode() for record in records],
            [record.duration for record in records],
            [record.recording_start_time for record in records],
            [_SEGMENTS.dump_json(record.segments).decode() if record.segments else None for record in records],
        )

    def _announce(self, created: list[Candidate]) -> None:
        announcements = announce.Announcements(datetime.now(UTC), self._public_url)
        for one in created:
            event = announcements.of(
                one.source.record,
                recording=one.id,
                owner=one.key[0],
                bank=one.bank,
                vault=one.vault,
                job=one.source.job,
            )
            self._books.emit(event)
        self._outcome.created.update(one.key[1] for one in created)

    async def _end_items(self, candidates: list[Candidate], known: dict[Key, tuple[UUID, UUID]]) -> None:
        """A conflict with one's own recording is a redelivery: still imported."""
        ends = []
        for one in candidates:
            if one.key not in known:
                self._fail(one, QUOTA_EXCEEDED)
                continue
            recording, by = known[one.key]
            ends.append((one.item, "imported" if by == one.item else "duplicate", recording))
        if ends:
            await self._books.enter(sql.END_ITEMS, zip(*sorted(ends), strict=True))

    async def _end_twins(self, known: dict[Key, tuple[UUID, UUID]]) -> None:
        """In a statement of its own, after our items are locked: it sees whatever was admitted until then."""
        if known:
            rows = sorted((*key, recording) for key, (recording, _) in known.items())
            await self._books.enter(sql.END_TWINS, zip(*rows, strict=True))


def _candidate(record: Record, item: asyncpg.Record, home: asyncpg.Record, recording: UUID) -> Candidate:
    key = (item["owner_user_id"], item["source_app"], record.record.external_id)
    return Candidate(
        record,
        item["id"],
        key,
        item["attempt"],
        home["bank"],
        home["vault"],
        home["monthly_imports"],
        recording,
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
