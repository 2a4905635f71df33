"""The token endpoint: a code or a refresh token in, a secret out. What went wrong is told apart."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from pipeline_runtime.connectors.settings import SourceSettings
from pipeline_runtime.connectors.values import OAuth2
from pipeline_runtime.connectors.waits import wanted_wait

_SECOND_LOOK = 1.0
_EARLY = 300.0
"""Seconds before its end that a token is renewed; of a short-lived one a tenth of its life."""

_ERRORS = (
    "invalid_grant", "invalid_client", "invalid_request", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type",
)  # fmt: skip


class AnswerLost(Exception):
    """The request may have been carried out, and nobody knows what the answer was."""


class GrantRefused(Exception):
    """The provider takes this code or refresh token not, or no longer."""


class ClientRefused(Exception):
    """The provider does not take our client, or how it asks: nothing that the user could mend."""


class TokensBusy(Exception):
    """The endpoint says that it has too much to do; nothing was spent. `retry_after` in seconds."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("the token endpoint is busy")
        self.retry_after = retry_after


@dataclass(frozen=True)
class TokenEndpoint:
    """One provider's."""

    http: httpx.AsyncClient
    oauth: OAuth2
    settings: SourceSettings
    timeout: float

    async def exchange(self, code: str, redirect_uri: str, verifier: str | None) -> dict[str, Any]:
        """The first secret. Raises AnswerLost, ClientRefused, GrantRefused, TokensBusy."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._ask(form | ({"code_verifier": verifier} if verifier else {}))

    async def refresh(self, secret: dict[str, Any]) -> dict[str, Any]:
        """The next secret. An answer without a refresh token keeps the stored one. Raises the same."""
        form = {"grant_type": "refresh_token", "refresh_token": str(secret["refresh_token"])}
        return secret | await self._ask(form)

    async def revoke(self, token: str) -> None:
        """Give the token back, where the provider has an address for that. Raises httpx.HTTPError.

        A refusal of it is fine: then it was dead already.
        """
        if address := self.settings.urls.get("revoke"):
            form, headers = self._signed({"token": token})
            answer = await self.http.post(address, data=form, headers=headers, timeout=self.timeout)
            if answer.status_code not in (400, 401):
                answer.raise_for_status()

    async def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        form, headers = self._signed(form)
        request = self.http.post(self.settings.urls["token"], data=form, headers=headers, timeout=None)
        answer = await self._answer_of(asyncio.ensure_future(request))
        if answer.status_code == 429:
            raise TokensBusy(wanted_wait(answer.headers))
        if answer.status_code >= 500 or answer.status_code == 408:
            raise AnswerLost(f"status {answer.status_code}")
        if answer.status_code != 200:
            raise _refusal(answer)
        return _secret(answer)

    async def _answer_of(self, asking: asyncio.Future[httpx.Response]) -> httpx.Response:
        """Wait for it, and look a second time: this process may have been stopped while the answer came."""
        try:
            done, _ = await asyncio.wait({asking}, timeout=self.timeout)
            if not done:
                done, _ = await asyncio.wait({asking}, timeout=_SECOND_LOOK)
        except asyncio.CancelledError:
            asking.cancel()
            raise
        if not done:
            asking.cancel()
            raise AnswerLost("no answer in time")
        try:
            return asking.result()
        except httpx.ConnectError:
            raise TokensBusy(None) from None  # nothing was sent
        except httpx.HTTPError as error:
            raise AnswerLost(type(error).__name__) from None

    def _signed(self, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        secret = self.settings.client_secret.get_secret_value() if self.settings.client_secret else ""
        client = self.settings.client_id or ""
        if self.oauth.client_auth == "basic":
            word = httpx.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
            return form, {"Authorization": word._auth_header}
        return form | {"client_id": client, "client_secret": secret}, {}


def _refusal(answer: httpx.Response) -> Exception:
    """By the word of RFC 6749, section 5.2; without one, by its status: a spent grant is a 400."""
    try:
        told = answer.json()
        error = told.get("error") if isinstance(told, dict) else None
    except ValueError:
        error = None
    is_word = isinstance(error, str) and error in _ERRORS
    is_grant = error == "invalid_grant" if is_word else answer.status_code == 400
    why = f"status {answer.status_code}, {error if is_word else 'no reason'}"
    return GrantRefused(why) if is_grant else ClientRefused(why)


def _secret(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
        found = {"access_token": str(told["access_token"])}
    except (ValueError, KeyError, TypeError):
        raise AnswerLost("an answer without a token") from None
    if told.get("refresh_token"):
        found["refresh_token"] = str(told["refresh_token"])
    try:
        lifetime = float(told.get("expires_in"))
    except (TypeError, ValueError):
        return found | {"renew_at": None}
    return found | {"renew_at": time.time() + lifetime - min(_EARLY, lifetime / 10)}
