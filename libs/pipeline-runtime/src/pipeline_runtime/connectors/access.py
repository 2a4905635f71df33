"""How requests prove whose they are: by nothing, by a secret just handed in, or by the one stored."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from pipeline_runtime.connectors.credentials import Credential
from pipeline_runtime.connectors.refreshing import ReconnectNeeded, Refresher


class Access(Protocol):
    """What the HTTP client asks."""

    async def headers(self) -> dict[str, str]:
        """What goes along with a request to the source's own host."""

    async def renew(self) -> None:
        """The source has answered 401: have another token next time. Raises ReconnectNeeded, Transient."""


class Anonymous:
    """Nobody's."""

    async def headers(self) -> dict[str, str]:
        """None."""
        return {}

    async def renew(self) -> None:
        """Nothing to renew; the next answer is the same."""


class HandedIn:
    """A secret that is being tried, before there is an account."""

    def __init__(self, secret: dict[str, Any], key_header: str) -> None:
        self._secret = secret
        self._key_header = key_header

    async def headers(self) -> dict[str, str]:
        """The token or the key."""
        return header_of(self._secret, self._key_header)

    async def renew(self) -> None:
        """It is as new as it can be. Raises ReconnectNeeded."""
        raise ReconnectNeeded


class Stored:
    """An account's own, renewed early and whenever the source objects."""

    def __init__(self, refresher: Refresher, account: UUID, key_header: str) -> None:
        self._refresher = refresher
        self._account = account
        self._key_header = key_header
        self._used: Credential | None = None

    async def headers(self) -> dict[str, str]:
        """The present token. Raises ReconnectNeeded, Transient."""
        self._used = await self._refresher.current(self._account)
        return header_of(self._used.secret, self._key_header)

    async def renew(self) -> None:
        """Whoever was first refreshes; the others find the next token there."""
        if self._used is not None:
            await self._refresher.renewed(self._used)


def header_of(secret: dict[str, Any], key_header: str) -> dict[str, str]:
    """The header that carries a secret."""
    if "api_key" in secret:
        return {key_header: str(secret["api_key"])}
    return {"Authorization": f"Bearer {secret['access_token']}"}
