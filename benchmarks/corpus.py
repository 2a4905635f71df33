"""The data: English-like calls of several owners, some of them sent twice. The same at every run.

"short" is 2.6 KB of JSON a record, "call" is 30 KB, as half an hour of speech has. The text is a
first-order Markov chain over the words of Python's own manual, so that it compresses as text does.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pydoc_data.topics import topics
from uuid import UUID

OWNERS = 40
TEXT_CHARACTERS = 32_000_000
DUPLICATES = 0.05
NEAR = 50
"""Half of the duplicates repeat one of this many messages before; the others any before."""
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Size:
    """A kind of record: `transcript` in characters; `batch` is what the bare limits write at once."""

    name: str
    transcript: int
    batch: int


SHORT = Size("short", 2_240, 500)
CALL = Size("call", 30_000, 100)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user with a personal bank and vault, and two jobs: what the second finds, the first has found."""

    id: UUID
    bank: UUID
    vault: UUID
    jobs: tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Call:
    """One message to come: a record of an item of a job. `begin` is the transcript's place in the text."""

    owner: Owner
    again: bool
    item: UUID
    external_id: str
    begin: int
    length: int
    started_at: datetime

    @property
    def job(self) -> UUID:
        return self.owner.jobs[self.again]

    @property
    def title(self) -> str:
        return text()[self.begin : self.begin + 40].strip()

    @property
    def transcript(self) -> str:
        return text()[self.begin : self.begin + self.length]

    @property
    def duration(self) -> float:
        return self.length / 15.0


@dataclass(frozen=True)
class Corpus:
    """All calls of a size in the order in which they are sent."""

    name: str
    size: Size
    owners: list[Owner]
    calls: list[Call]

    @property
    def unique(self) -> int:
        """How many recordings they come to."""
        return sum(not call.again for call in self.calls)


@cache
def text() -> str:
    """English-like text of TEXT_CHARACTERS."""
    words = " ".join(topics.values()).split()
    following: defaultdict[str, list[str]] = defaultdict(list)
    for word, after in zip(words, words[1:] + words[:1], strict=True):
        following[word].append(after)
    chance = random.Random(1).random
    said, length, word = [], 0, words[0]
    while length < TEXT_CHARACTERS:
        choices = following[word]
        word = choices[int(chance() * len(choices))]
        said.append(word)
        length += len(word) + 1
    return " ".join(said)


def make(name: str, size: Size, records: int, *, duplicates: float = DUPLICATES) -> Corpus:
    """The calls of a size; `name` is also the seed."""
    source = random.Random(name)
    owners = [Owner(_id(source), _id(source), _id(source), (_id(source), _id(source))) for _ in range(OWNERS)]
    return Corpus(name, size, owners, list(_calls(source, size, owners, records, duplicates)))


def _calls(
    source: random.Random, size: Size, owners: list[Owner], records: int, duplicates: float
) -> Iterator[Call]:
    sent: list[Call] = []
    repeated: set[str] = set()
    for number in range(records):
        earlier = _earlier(source, sent) if source.random() < duplicates else None
        if earlier is not None and not earlier.again and earlier.external_id not in repeated:
            repeated.add(earlier.external_id)
            call = Call(
                earlier.owner, True, _id(source), earlier.external_id, earlier.begin, earlier.length,
                earlier.started_at,
            )  # fmt: skip
        else:
            length = int(size.transcript * source.uniform(0.8, 1.2))
            begin = int(source.random() * (TEXT_CHARACTERS - length))
            started_at = FIRST_DAY + timedelta(minutes=number)
            key = f"call-{source.getrandbits(64):016x}"
            call = Call(source.choice(owners), False, _id(source), key, begin, length, started_at)
        sent.append(call)
        yield call


def _earlier(source: random.Random, sent: list[Call]) -> Call | None:
    if not sent:
        return None
    near = source.random() < 0.5
    return sent[-source.randint(1, min(NEAR, len(sent)))] if near else source.choice(sent)


def _id(source: random.Random) -> UUID:
    return UUID(int=source.getrandbits(128), version=4)
