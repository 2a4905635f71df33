"""What a connector is made of, and what its functions take and answer: plain frozen values.

See `pipeline_runtime.connectors` for the whole picture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from pipeline_contracts import ConnectMethod, ConnectorOption, Segment, WebhookScheme
from pipeline_contracts.messages import ExternalId, Title

if TYPE_CHECKING:
    from pipeline_runtime.connectors.http import Http


@dataclass(frozen=True)
class OAuth2:
    """A provider's OAuth. `client_auth`: whether client id and secret go in the body or as Basic.

    The URLs are overridden by <SOURCE>_AUTHORIZE_URL, <SOURCE>_TOKEN_URL and <SOURCE>_REVOKE_URL.
    """

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    client_auth: Literal["body", "basic"] = "body"
    revoke_url: str | None = None


@dataclass(frozen=True)
class Budget:
    """So many calls in so many seconds: for each account, for all of a workspace, or for all of ours (`app`).

    A request names one bucket; the bucket `global`, where there is one, is debited by every request.
    """

    bucket: str
    calls: float
    per: float
    scope: Literal["account", "workspace", "app"] = "account"


@dataclass(frozen=True)
class Manifest:
    """What the source is. `urls` are its base addresses by name; requests go to the one named `api`.

    Each is overridden by <SOURCE>_<NAME>_URL. `hosts` are those besides it that the account's token may
    go to (over https, and to hosts below them). `overlap` is how far each listing looks behind the
    last one: as long as items may appear late. `api_key_header` takes the key as it is.
    """

    source: str
    name: str
    icon: str
    connect: tuple[ConnectMethod, ...]
    urls: Mapping[str, str]
    hosts: tuple[str, ...] = ()
    oauth: OAuth2 | None = None
    api_key_header: str = "Authorization"
    api_key_hint: str | None = None
    link_hosts: tuple[str, ...] = ()
    webhook: WebhookScheme | None = None
    options: tuple[ConnectorOption, ...] = ()
    budgets: tuple[Budget, ...] = ()
    overlap: timedelta = timedelta(days=2)
    version: str = "0.1.0"


@dataclass(frozen=True)
class Account:
    """Who has been connected: the provider's id, and the keys by which its webhooks name the account.

    `workspace` is what the provider counts its limits for, where several users share them.
    """

    id: str
    email: str | None = None
    keys: tuple[str, ...] = ()
    workspace: str | None = None


class Item(BaseModel):
    """A call as it was listed. `payload` is the connector's own (JSON; no secret, no signed link).

    It is kept with the item until it has ended, so that it can be fetched again without a listing.
    `notice` is the webhook's body that told of it, where one did and it is still kept. `refusal` (code and
    sentence) is of what stands in the books and cannot be fetched: a link that leads to no call.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    external_id: ExternalId
    title: Title
    started_at: AwareDatetime | None = None
    payload: dict[str, Any] = Field(default_factory=dict)
    refusal: tuple[str, str] | None = None
    notice: dict[str, Any] | None = Field(default=None, exclude=True)

    @field_validator("external_id")
    @classmethod
    def _is_storable(cls, value: str) -> str:
        if "\x00" in value:
            raise ValueError("an id with a NUL in it")
        return value

    @field_validator("title", "payload", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        """As PostgreSQL takes it: one row that it refuses would hold up all others of its page."""
        return _without_nul(value)

    @classmethod
    def of_link(cls, link: str, code: str, sentence: str) -> Item:
        """A link that leads to no call: it fails with that code and sentence, and no other with it."""
        return cls(external_id=link[:512], title=link[:1000], refusal=(code, sentence))


def _without_nul(value: Any) -> Any:
    """JSON without NUL and without numbers that are none. Raises ValueError for half a character."""
    if isinstance(value, str):
        value.encode()
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


@dataclass(frozen=True)
class Window:
    """What to list: calls from `start` (None: from the beginning) until `end` (None: until now).

    `resume` is the mark of the last page that was admitted before an earlier run broke off.
    """

    start: datetime | None = None
    end: datetime | None = None
    resume: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of a listing. `mark` names the next one, for a run that goes on after us.

    `unreadable` says of each row that could not be read when its call was (None: unknown): the
    place up to which all is listed is never moved past it.
    """

    items: Sequence[Item]
    unreadable: Sequence[datetime | None] = ()
    mark: str | None = None

    @classmethod
    def read(
        cls, rows: Iterable[Any], item: Callable[[Any], Item], *, when: str, mark: str | None = None
    ) -> Page:
        """Of a source's own rows, one by one; `when` is the field with the time of a row's call."""
        items, unreadable = [], []
        for row in rows:
            try:
                items.append(item(row))
            except (AttributeError, KeyError, TypeError, ValueError):
                unreadable.append(_moment(row, when))
        return cls(items, unreadable, mark)


def _moment(row: Any, field: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(row[field])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


@dataclass(frozen=True)
class Record:
    """A call with its words: `segments`, or `text` where there are none.

    `title` and `started_at` are the listing's unless given; `duration` is in seconds.
    """

    segments: Sequence[Segment] = ()
    text: str | None = None
    title: str | None = None
    started_at: datetime | None = None
    duration: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audio:
    """A call whose sound is to be transcribed: behind `url` (the kit streams it), or in the file `path`.

    The account's token goes along to the source's own hosts alone. A `path` lies in `http.folder`. Where
    fewer than `size` bytes come, the download is tried again.
    """

    filename: str
    content_type: str
    url: str | None = None
    path: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 1
    title: str | None = None
    started_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True)
class NotReady:
    """The words are not there yet: look again at that time."""

    revisit_at: datetime
    message: str = "The transcript is not there yet. It is looked for again by itself."


@dataclass(frozen=True)
class Skipped:
    """There is nothing to import, and that is no failure."""

    code: Literal["unsupported", "deleted"]
    message: str


Fetched = Record | Audio | NotReady | Skipped


@dataclass(frozen=True)
class Notice:
    """What a webhook says: of which accounts (by their keys), which calls, or that consent is withdrawn.

    `keys` are not needed where each account has an address of its own.
    """

    keys: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    deauthorized: bool = False


@dataclass(frozen=True)
class RegisteredWebhook:
    """A webhook that the provider has made for us, and the secret that it signs with."""

    id: str
    secret: str


@dataclass(frozen=True)
class Connector:
    """A source's functions. Those that the source has no use for are left out.

    `account(http)`: who has been connected. `pages(http, window)`: the listing, newest or oldest
    first. `links(http, links)`: what a user's links stand for. `fetch(http, item)`: one call.
    `webhook(body)`: what a verified webhook speaks of; it asks nobody.
    """

    manifest: Manifest
    fetch: Callable[[Http, Item], Awaitable[Fetched]]
    account: Callable[[Http], Awaitable[Account]] | None = None
    pages: Callable[[Http, Window], AsyncIterator[Page]] | None = None
    links: Callable[[Http, Sequence[str]], AsyncIterator[Page]] | None = None
    webhook: Callable[[dict[str, Any]], Notice] | None = None
    register_webhook: Callable[[Http, str], Awaitable[RegisteredWebhook]] | None = None
    remove_webhook: Callable[[Http, str], Awaitable[None]] | None = None
    revoke: Callable[[Http], Awaitable[None]] | None = None
