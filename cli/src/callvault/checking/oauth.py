"""The stand-in's OAuth: codes, tokens that rotate, and a client that has to say who it is."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callvault.checking.accounts import Account, Seen


@dataclass
class OAuth:
    """One client's. `issued` says whose a secret is or was: codes, tokens and keys."""

    client_id: str = field(default_factory=lambda: f"client-{secrets.token_hex(6)}")
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    issued: dict[str, Account] = field(default_factory=dict, repr=False)
    _codes: dict[str, str | None] = field(default_factory=dict, repr=False)

    def consent(self, account: Account, authorize_url: str) -> str:
        """Where the consent page sends the browser back to once the owner has said yes."""
        query = parse_qs(urlsplit(authorize_url).query)
        code = secrets.token_urlsafe(16)
        self.issued[code] = account
        self._codes[code] = query.get("code_challenge", [None])[0]
        return f"{query['redirect_uri'][0]}?code={code}&state={query['state'][0]}"

    def keep(self, account: Account) -> None:
        """The account's key is known from now on."""
        self.issued[account.api_key] = account

    async def token(self, request: Request) -> Response:
        """The token endpoint."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        if self._client(request, form) != (self.client_id, self.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        spent = form.get("code") or form.get("refresh_token") or ""
        account = self.issued.get(spent)
        good = account is not None and self._take(account, spent, form.get("code_verifier"))
        if account is not None:
            account.note(Seen("token", request.url.path, 200 if good else 400))
        if account is None or not good:
            return JSONResponse({"error": "invalid_grant"}, 400)
        granted = account.grant()
        self.issued |= {granted["access_token"]: account, granted["refresh_token"]: account}
        return JSONResponse(granted)

    async def revoke(self, request: Request) -> Response:
        """The token is given back."""
        account = self.issued.get(str((await request.form()).get("token")))
        if account is not None:
            account.withdraw()
        return Response(status_code=200)

    def _take(self, account: Account, spent: str, verifier: str | None) -> bool:
        """Codes and refresh tokens work once."""
        if spent in self._codes:
            challenge = self._codes.pop(spent)
            return challenge is None or challenge == _challenge(verifier or "")
        account.spent.append(spent)
        if spent not in account.refresh:
            return False
        account.refresh.remove(spent)
        return True

    @staticmethod
    def _client(request: Request, form: dict[str, Any]) -> tuple[str, str]:
        kind, _, word = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            client, _, secret = base64.b64decode(word).decode().partition(":")
            return unquote(client), unquote(secret)
        return form.get("client_id", ""), form.get("client_secret", "")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
