"""How a provider answers, said by a connector's author for `callvault connector check`.

The file tests/provider.py of a connector holds one `PROVIDER`, made of flat functions:

    PROVIDER = Provider(
        row=row,                                         # a call, as the listing shows it
        listing={"GET /calls": listing},                 # the listing: `asked.page(...)` cuts and filters
        item={"GET /calls/{id}/words": words},           # one call
        others={"GET /me": me, "POST /hooks": hook},     # what else the connector asks, with a token
        pushed=pushed,                                   # a webhook's body
    )

All answers are JSON, except text. Tokens, refusals, limits, deletions, junk and signatures are the check's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Owner:
    """Whose calls these are, and the secret that webhooks of this account are signed with."""

    id: str
    email: str
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True)
class Line:
    """What somebody said; `start` and `end` in seconds."""

    speaker: str
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Call:
    """A call at the provider. `number` is its alone among all owners' calls."""

    number: int
    title: str
    started_at: datetime
    ended_at: datetime
    lines: tuple[Line, ...]
    owner: Owner


@dataclass(frozen=True)
class Slice:
    """A page of a listing. `next` is the cursor of the next one, None at the end."""

    rows: list[Any]
    next: str | None


Cut = Callable[[datetime | None, datetime | None, str | None, int], Slice]


@dataclass(frozen=True)
class Asked:
    """A request of the connector. `parts` are those of the path, `address` is where the API begins."""

    owner: Owner
    query: Mapping[str, str]
    parts: Mapping[str, str]
    body: Any
    address: str
    cut: Cut = field(repr=False)

    def page(
        self, *, since: str | None = None, until: str | None = None, cursor: str | None = None, size: int = 10
    ) -> Slice:
        """The owner's calls, newest first, that began between two ISO times (both included)."""
        return self.cut(_moment(since), _moment(until), cursor or None, size)


def _moment(said: str | None) -> datetime | None:
    if not said:
        return None
    moment = datetime.fromisoformat(said)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class AskedByAnybody:
    """A request that needs no token. `call(id)` is None where there is no such call, or no longer."""

    query: Mapping[str, str]
    body: Any
    address: str
    call: Callable[[str], Call | None] = field(repr=False)


Answering = Callable[[Asked], Any]
AnsweringOfCall = Callable[[Asked, Call], Any]
AnsweringAnybody = Callable[[AskedByAnybody], Any]


@dataclass(frozen=True)
class Provider:
    """The provider. Keys of the mappings are a method and a path below the API's address.

    In `item` and `open` the path has an `{id}`, which is `id(call)`; those of `open` are signed links, which
    need no token. `public` is what anybody may ask, with the call's id wherever the provider wants it: most of
    what stands behind links. `gone` is the body of the 404 for a call that was deleted, `link` is
    what a user pastes, where the source takes links. `urls` are the names of the
    manifest's addresses, all of which lead here.
    """

    row: Callable[[Call], Any] = lambda _call: {}
    listing: Mapping[str, Answering] = field(default_factory=dict)
    item: Mapping[str, AnsweringOfCall] = field(default_factory=dict)
    others: Mapping[str, Answering] = field(default_factory=dict)
    open: Mapping[str, AnsweringOfCall] = field(default_factory=dict)
    public: Mapping[str, AnsweringAnybody] = field(default_factory=dict)
    pushed: Callable[[Call], Any] | None = None
    link: Callable[[Call], str] | None = None
    id: Callable[[Call], str] = lambda call: str(call.number)
    gone: Any = None
    urls: Sequence[str] = ("api",)
