"""The public keys of an identity provider: fetched once, and again when a token names one not known yet."""

from __future__ import annotations

import asyncio
import time

import httpx
import structlog
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWKError, PyJWKSetError

from ingest_gateway.problems import IDENTITY_PROVIDER_UNAVAILABLE

FLOOR_SECONDS = 30.0  # between two fetches, whatever tokens come in
STALE_SECONDS = 600.0  # after which keys are looked up anew, so that a revoked one goes

log = structlog.get_logger()


class KeySet:
    """The provider's keys by their id. Secret keys that lie among them by mistake are never used."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, floor: float = FLOOR_SECONDS) -> None:
        self._url = url
        self._client = client
        self._floor = floor
        self._keys: dict[str | None, PyJWK] | None = None
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key, None where the provider does not have it.

        Raises identity_provider_unavailable where no keys could ever be fetched.
        """
        async with self._lock:
            age = time.monotonic() - self._asked
            is_known = self._keys is not None and key_id in self._keys
            if age >= STALE_SECONDS or (not is_known and age >= self._floor):
                await self._refresh()
        if self._keys is None:
            raise IDENTITY_PROVIDER_UNAVAILABLE.error()
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        self._asked = time.monotonic()
        try:
            answer = await self._client.get(self._url)
            answer.raise_for_status()
            found = PyJWKSet.from_dict(answer.json())
        except (httpx.HTTPError, ValueError, TypeError, AttributeError, PyJWKError, PyJWKSetError) as error:
            log.warning("jwks.not_fetched", error=type(error).__name__)
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_type != "oct"}
