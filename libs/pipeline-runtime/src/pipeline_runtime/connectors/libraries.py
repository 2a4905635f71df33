"""A way out for libraries of a source that block, and bring their own addresses and no time-outs.

    with LibrarySession("https://www.youtube.com", http.urls["api"]) as session:   # in a thread
        YouTubeTranscriptApi(http_client=session).list(video)
    session.pages["player"]                        # the text of what came, by the end of its path

Made for one call and thread: `requests` sessions are not for several. It needs `requests`, which such
a library brings along. Wherever a library is led, it goes to public addresses alone: only the address in use,
which is the operator's choice, may be another. Through a proxy of the environment the proxy decides. A library
that takes no session but has one function for all its requests is `led`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError

from pipeline_runtime.connectors.addresses import AddressRefused, first_public
from pipeline_runtime.failures import ADDRESS_REFUSED, ItemProblem

TIMEOUT = (5.0, 10.0)
"""Seconds until there is a connection, and without a byte."""


class LibrarySession(Session):
    """Requests to the address `real` go to `base`, the one in use. Raises what `requests` raises, and
    address_refused."""

    def __init__(self, real: str, base: str) -> None:
        super().__init__()
        self.pages: dict[str, str] = {}
        way = _Way(real, base, self.pages)
        self.mount("https://", way)
        self.mount("http://", way)
        if base != real:
            chosen = _ChosenWay(real, base, self.pages)
            self.mount(f"{real}/", chosen)
            self.mount(f"{_origin(base)}/", chosen)


def led(ask: Callable[[Any], Any], real: str, base: str) -> Callable[[Any], Any]:
    """The same function, whose requests (a URL, or an object with one) go the same way and raise the same.

    It looks before each request: where the library itself is redirected to is not seen.
    """

    def go(request: Any) -> Any:
        url = (request if isinstance(request, str) else request.url).replace(real, base, 1)
        if _origin(url) != _origin(base):
            _require_public(url)
        if isinstance(request, str):
            return ask(url)
        request.url = url
        return ask(request)

    return go


def _require_public(url: str) -> None:
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError:
        return  # the library finds out itself
    _public(parts.hostname or "", found)


def _public(host: str, found: Any) -> str:
    try:
        return first_public(host, found)
    except AddressRefused:
        raise ItemProblem(ADDRESS_REFUSED) from None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class _ChosenWay(HTTPAdapter):
    """To the address in use, wherever it is."""

    def __init__(self, real: str, base: str, pages: dict[str, str]) -> None:
        super().__init__()
        self._real, self._base, self._pages = real, base, pages

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Cookies and headers are as for the real address: only the way is another."""
        if self._base != self._real:
            request.url = (request.url or "").replace(self._real, self._base, 1)
        answer = super().send(request, *args, **kwargs | {"timeout": TIMEOUT})
        if answer.ok:
            path = (request.url or "").partition("?")[0]
            self._pages[path.rpartition("/")[2]] = answer.text
        return answer


class _Guarded(HTTPConnection):
    """Connects to the very address that was checked; names and certificates stay those of the host."""

    def _new_conn(self) -> socket.socket:
        host = self._dns_host
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(host, self, error) from error
        self._dns_host = _public(host, found)
        try:
            return super()._new_conn()
        finally:
            self._dns_host = host


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls: type[Any] = _Guarded


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls: type[Any] = _GuardedTls


class _Way(_ChosenWay):
    """Anywhere else: to public addresses alone."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As `requests` does, with other connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTlsPool}
