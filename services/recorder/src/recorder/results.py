"""What lies on import.results, read once: a record, a failure, a nudge, or something nobody can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from pipeline_contracts import (
    IMPORT_RESULTS,
    About,
    ConnectorRecord,
    DiscoveryEnded,
    ItemFailed,
    ItemSkipped,
    TranscriptAmended,
    Unreadable,
    about,
    decode,
)


@dataclass(frozen=True, slots=True)
class Bad:
    """A message that is parked. `about` is the item that it would have ended, as far as the headers say."""

    reason: str
    detail: str
    about: About | None
    raw: Any


@dataclass(frozen=True, slots=True)
class Record:
    """A record and the job it belongs to."""

    job: UUID
    record: ConnectorRecord
    raw: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt."""

    failed: ItemFailed
    raw: Any


@dataclass(frozen=True, slots=True)
class Skip:
    """An item that ends without a recording and without a failure."""

    skipped: ItemSkipped
    raw: Any


@dataclass(frozen=True, slots=True)
class Amendment:
    """Another transcript of a call that is in the library."""

    amended: TranscriptAmended
    raw: Any


@dataclass(frozen=True, slots=True)
class Nudge:
    """A job that may be over."""

    job: UUID
    raw: Any


Result = Record | Amendment | Failure | Skip | Nudge | Bad


def read(raw: Any) -> Result:
    """Read one Kafka record. Never raises: what cannot be read is Bad."""
    try:
        message = decode(IMPORT_RESULTS, raw.value, raw.headers)
        if isinstance(message, ConnectorRecord):  # first: of the very class asked for Python is quick to see it
            _refuse_nul(message, raw)
            return Record(_job(raw), message, raw)
        if isinstance(message, TranscriptAmended):
            _refuse_nul(message, raw)
            return Amendment(message, raw)
        if isinstance(message, ItemFailed):
            return Failure(message, raw)
        if isinstance(message, ItemSkipped):
            return Skip(message, raw)
        assert isinstance(message, DiscoveryEnded)
        return Nudge(message.job_id, raw)
    except Unreadable as error:
        return Bad(error.reason, error.detail, about(raw.headers), raw)


def _job(raw: Any) -> UUID:
    """The job that the headers name. The item is found by its external id."""
    try:
        return _uuid(dict(raw.headers)["ce_jobid"])
    except (KeyError, ValueError, AttributeError):  # a header may be null
        raise Unreadable("no_job_named") from None


@lru_cache(maxsize=1024)
def _uuid(value: bytes) -> UUID:
    """Most records of a batch name the same few jobs."""
    return UUID(value.decode())


def _refuse_nul(record: ConnectorRecord | TranscriptAmended, raw: Any) -> None:
    """PostgreSQL has no NUL in text and JSON. Where the bytes look like one, the values make it certain."""
    if b"\\u0000" in raw.value and any("\x00" in text for text in _texts(record.model_dump())):
        raise Unreadable("nul_character")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
