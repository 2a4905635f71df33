"""The client that a connector's functions get: it waits, retries, renews the token, and says what is wrong.

    found = await http.get("/meetings", {"cursor": cursor})           # decoded JSON
    words = await http.get(f"/recordings/{id}/transcript", bucket="heavy")

Paths are below the source's address; a whole URL may go anywhere, but the account's token goes to
the source's own hosts alone, and so does an Authorization that the connector gives in `headers`. A
401 to the latter is `Transient`: the next try brings another. Raises `NotFound` for a 404 or 410,
`Transient` for what passes, and `ItemProblem` with a code for the rest.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import httpx
import structlog

from pipeline_runtime import metrics
from pipeline_runtime.connectors.access import Access
from pipeline_runtime.connectors.addresses import AddressRefused
from pipeline_runtime.connectors.budgets import GLOBAL, PATIENCE, Budgets
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.connectors.waits import wanted_wait
from pipeline_runtime.failures import (
    ADDRESS_REFUSED,
    SOURCE_FORBIDDEN,
    SOURCE_RATE_LIMITED,
    SOURCE_REFUSED,
    SOURCE_UNAVAILABLE,
    SOURCE_UNREADABLE,
    ItemProblem,
    Transient,
)

TRIES = 3
REDIRECTS = 5
LONGEST_ANSWER = 64 * 1024 * 1024
_SAFE = ("GET", "HEAD")

Params = Mapping[str, Any] | list[tuple[str, Any]]
log = structlog.get_logger()


class NotFound(ItemProblem):
    """The source knows no such thing, or no longer (404, 410). `told` is as with `Refused`."""

    def __init__(self, told: Any = None) -> None:
        super().__init__(SOURCE_REFUSED, "It is not there.")
        self.told = told


class Refused(ItemProblem):
    """Any other answer of the 400s. `status` is HTTP's; `told` is the decoded JSON body, None without."""

    def __init__(self, status: int, told: Any) -> None:
        super().__init__(SOURCE_FORBIDDEN if status == 403 else SOURCE_REFUSED)
        self.status = status
        self.told = told


@dataclass(frozen=True)
class Http:
    """One account's way to its source, or anybody's where there is no account.

    `urls` are the source's addresses by name, `hosts` what is the source's besides, `options` the user's
    choices, `live` whether it hurries. `folder`, while a call is fetched, is for its files: it is gone once
    nobody waits for them any longer. `retry` is about the seconds before a second try here (later ones wait
    longer), `silent_wait` those until the next where a provider says "too much" and not for how long.
    """

    client: httpx.AsyncClient = field(repr=False)
    source: str
    urls: Mapping[str, str]
    budgets: Budgets = field(repr=False)
    access: Access = field(repr=False)
    account: UUID | None = None
    options: Mapping[str, bool] = field(default_factory=dict)
    live: bool = True
    hosts: tuple[str, ...] = ()
    folder: Path | None = None
    retry: float = 2.0
    silent_wait: float = 30.0

    async def get(
        self, path: str, params: Params | None = None, *, bucket: str = GLOBAL,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """The decoded JSON of an answer."""
        return decoded(await self.request("GET", path, params=params, bucket=bucket, headers=headers))

    async def text(
        self, path: str, params: Params | None = None, *, bucket: str = GLOBAL,
        headers: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """The text of an answer."""
        return (await self.request("GET", path, params=params, bucket=bucket, headers=headers)).text

    async def post(self, path: str, body: Any = None, *, bucket: str = GLOBAL) -> Any:
        """Send JSON; the decoded answer, None where it has no body."""
        answer = await self.request("POST", path, body=body, bucket=bucket)
        return decoded(answer) if answer.content else None

    async def delete(self, path: str) -> None:
        """Remove something; what is not there is fine."""
        try:
            await self.request("DELETE", path)
        except NotFound:
            return

    async def request(
        self, method: str, path: str, *, params: Params | None = None, body: Any = None,
        bucket: str = GLOBAL, headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        """The whole answer, of the 200s."""
        given = {"params": params, "json": body, "headers": dict(headers or {})}
        async with self.stream(method, path, bucket=bucket, **given) as answer:
            await _read(answer)
            return answer

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, bucket: str = GLOBAL, **given: Any
    ) -> AsyncIterator[httpx.Response]:
        """An answer of the 200s whose body is still to come."""
        url = path if "://" in path else self.urls["api"] + path
        answer = await self._answer(method, url, bucket, given)
        try:
            yield answer
        except (httpx.HTTPError, OSError) as error:
            raise Transient(SOURCE_UNAVAILABLE) from error
        finally:
            await answer.aclose()

    async def _answer(self, method: str, url: str, bucket: str, given: dict[str, Any]) -> httpx.Response:
        """Try until there is a good answer, or a reason to give up."""
        renewed = False
        for tries in range(1, TRIES + 2):
            await self.budgets.debit(bucket, self.account, live=self.live)
            try:
                answer = await self._follow(method, url, given)
            except httpx.HTTPError as error:
                self._count(type(error).__name__)
                await self._wait_out(method, tries, error)
                continue
            self._count(str(answer.status_code))
            if answer.is_success:
                return answer
            await _read(answer)
            if answer.status_code == 401 and _has_own_proof(given):
                raise Transient(SOURCE_FORBIDDEN)
            if answer.status_code == 401 and not renewed and self._is_ours(str(answer.url)):
                renewed = True
                await self.access.renew()
                continue
            await self._judge(method, answer, bucket, tries)
        raise Transient(SOURCE_UNAVAILABLE)

    async def _follow(self, method: str, url: str, given: dict[str, Any]) -> httpx.Response:
        """Send, and follow redirects; the token goes along to the source's own hosts alone."""
        for _ in range(REDIRECTS):
            headers = httpx.Headers(given.get("headers"))
            if not self._is_ours(url):
                headers.pop("authorization", None)
            elif not _has_own_proof(given):
                headers.update(await self.access.headers())
            request = self.client.build_request(method, url, **{**given, "headers": headers})
            answer = await self.client.send(request, stream=True)
            if not answer.has_redirect_location:
                return answer
            await answer.aclose()
            url = urljoin(url, answer.headers["location"])
            given = {name: value for name, value in given.items() if name == "headers"}
            if answer.status_code == 303 or method not in _SAFE:
                method = "GET"
        raise ItemProblem(SOURCE_REFUSED, "It only sends us on from place to place.")

    async def _wait_out(self, method: str, tries: int, error: httpx.HTTPError) -> None:
        if isinstance(error.__cause__, AddressRefused) or isinstance(error, httpx.UnsupportedProtocol):
            raise ItemProblem(ADDRESS_REFUSED) from None
        if tries >= TRIES or (method not in _SAFE and not isinstance(error, httpx.ConnectError)):
            raise Transient(SOURCE_UNAVAILABLE) from None
        log.warning("source.no_answer", error=type(error).__name__, tries=tries)
        await asyncio.sleep(self._back_off(tries))

    async def _judge(self, method: str, answer: httpx.Response, bucket: str, tries: int) -> None:
        """Return where another try is worth it. Raises what this answer means."""
        status = answer.status_code
        wait = wanted_wait(answer.headers)
        if status == 429:
            wait = self.silent_wait if wait is None else wait
            await self.budgets.block(bucket, self.account, wait)
            if wait > PATIENCE or tries >= TRIES:
                raise Transient(SOURCE_RATE_LIMITED, retry_after=wait)
        elif status in (408, 425) or status >= 500:
            if tries >= TRIES or (wait or 0) > PATIENCE or method not in _SAFE:
                raise Transient(SOURCE_UNAVAILABLE, retry_after=wait)
            await asyncio.sleep(wait or self._back_off(tries))
        elif status == 401:
            if self._is_ours(str(answer.url)):
                raise ReconnectNeeded  # a token that is as new as can be was refused
            raise Refused(status, _told(answer))
        elif status in (404, 410):
            raise NotFound(_told(answer))
        else:
            raise Refused(status, _told(answer))

    def _is_ours(self, url: str) -> bool:
        own, other = urlsplit(self.urls["api"]), urlsplit(url)
        if (own.scheme, own.netloc) == (other.scheme, other.netloc):
            return True
        host = f".{other.hostname}"
        return other.scheme == "https" and any(host.endswith(f".{one}") for one in self.hosts)

    def _back_off(self, tries: int) -> float:
        return self.retry * 2.0 ** (tries - 2) * random.uniform(0.5, 1.0)  # noqa: S311  no secret

    def _count(self, answer: str) -> None:
        metrics.SOURCE_REQUESTS.labels(self.source, answer).inc()


def decoded(answer: httpx.Response) -> Any:
    """The answer's JSON. Raises source_unreadable."""
    try:
        return answer.json()
    except ValueError:
        raise Transient(SOURCE_UNREADABLE) from None


def _has_own_proof(given: Mapping[str, Any]) -> bool:
    """Whether the connector has said itself by which Authorization it asks."""
    return "authorization" in httpx.Headers(given.get("headers"))


def _told(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


async def _read(answer: httpx.Response) -> None:
    """All of the body, up to a limit."""
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise ItemProblem(SOURCE_UNREADABLE, "It is too long.")
    answer._content = bytes(body)
