"""Where requests may go: public addresses only, checked at the moment of connecting.

A link or a redirect may name any host, and a name may lead anywhere; what counts is the address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

SILENCE = 30.0
"""Seconds without a byte until an answer is given up: some providers take twenty to begin."""


class AddressRefused(httpcore.ConnectError):
    """The host has an address that is not public."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """Resolve, check, and connect to the very address that was checked."""
        address = await _public_address(host, port)
        return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise AddressRefused(path)

    async def sleep(self, seconds: float) -> None:
        """As the backend does."""
        await asyncio.sleep(seconds)


async def _public_address(host: str, port: int) -> str:
    """The host's first address. Raises AddressRefused where one of them is not public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"{host} has no address") from error
    return first_public(host, found)


def first_public(host: str, found: Iterable[Any]) -> str:
    """The first of a host's addresses, as `getaddrinfo` has them. AddressRefused if one is not public."""
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses or not all(ip_address(one).is_global for one in addresses):
        raise AddressRefused(host)
    return addresses[0]


def make_client(*, allow_private: bool, silence: float = SILENCE) -> httpx.AsyncClient:
    """The one HTTP client of a process. It follows no redirect by itself: whoever follows checks first."""
    transport = httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=16), retries=0, trust_env=False
    )
    if not allow_private:
        transport._pool._network_backend = GuardedBackend()
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(silence, connect=10, pool=60),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "CallVault", "Accept": "application/json"},
    )
