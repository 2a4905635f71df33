"""An authorization server: codes, access tokens, rotating refresh tokens. Errors are `OAuthRefused`."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal

from sandbox.clock import Clock

CODE_SECONDS = 300
Reason = Literal[
    "client", "redirect", "code_unknown", "code_used", "code_expired", "pkce",
    "refresh_unknown", "refresh_used", "refresh_expired", "revoked", "reauthorised",
]  # fmt: skip


class OAuthRefused(Exception):  # each provider words it in its own way
    """Why a code or token was not taken."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass
class App:
    """A registered OAuth application. No redirect URIs: any is taken."""

    client_id: str
    client_secret: str
    redirect_uris: list[str] = field(default_factory=list)


@dataclass
class Code:
    """An authorization code: five minutes, one use."""

    value: str
    client_id: str
    user: str
    redirect_uri: str
    challenge: str | None
    method: str
    expires: float
    used: bool = False


@dataclass
class Token:
    """An access or refresh token. `dead` says why it is not taken any more."""

    value: str
    kind: Literal["access", "refresh"]
    user: str
    client_id: str
    scope: str
    expires: float
    dead: Reason | None = None
    next: Pair | None = None
    next_at: float = 0


@dataclass
class Pair:
    """What a token endpoint hands out."""

    access: Token
    refresh: Token | None


@dataclass
class Lifetimes:
    """Seconds. Within `grace` after a refresh the old refresh token gives the same pair again."""

    access: float
    refresh: float
    grace: float = 0


class AuthorizationServer:
    """The tokens of one provider in one world."""

    def __init__(self, clock: Clock, prefix: str) -> None:
        self.clock, self.prefix = clock, prefix
        self.apps = {"sandbox-client": App("sandbox-client", "sandbox-secret")}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}

    def app(self, client_id: str, client_secret: str | None = None) -> App:
        """A registered application, its secret checked where one is given."""
        app = self.apps.get(client_id)
        if app is None or client_secret not in (None, app.client_secret):
            raise OAuthRefused("client")
        return app

    def check_redirect(self, client_id: str, redirect_uri: str) -> None:
        """Refuse a redirect URI that the application did not register."""
        allowed = self.app(client_id).redirect_uris
        if not redirect_uri or (allowed and redirect_uri not in allowed):
            raise OAuthRefused("redirect")

    def grant(self, client_id: str, user: str, redirect_uri: str, challenge: str | None, method: str) -> str:
        """A code for a user who said yes."""
        value = f"{self.prefix}code_{secrets.token_urlsafe(24)}"
        expires = self.clock.now() + CODE_SECONDS
        self.codes[value] = Code(value, client_id, user, redirect_uri, challenge, method, expires)
        return value

    def redeem(self, value: str, client_id: str, redirect_uri: str, verifier: str | None) -> Code:
        """The code's user, once."""
        code = self.codes.get(value)
        if code is None or code.client_id != client_id:
            raise OAuthRefused("code_unknown")
        if code.used:
            raise OAuthRefused("code_used")
        if code.expires <= self.clock.now():
            raise OAuthRefused("code_expired")
        if code.redirect_uri != redirect_uri:
            raise OAuthRefused("redirect")
        if code.challenge is not None and code.challenge != challenge_of(verifier or "", code.method):
            raise OAuthRefused("pkce")
        code.used = True
        return code

    def issue(self, user: str, client_id: str, scope: str, life: Lifetimes, *, refresh: bool = True) -> Pair:
        """A new pair of tokens."""
        access = self._token("access", user, client_id, scope, life.access)
        return Pair(access, self._token("refresh", user, client_id, scope, life.refresh) if refresh else None)

    def refresh(self, value: str, client_id: str, scope: str, life: Lifetimes) -> Pair:
        """A new pair for a refresh token, which is dead from then on."""
        token = self.tokens.get(value)
        if token is None or token.kind != "refresh" or token.client_id != client_id:
            raise OAuthRefused("refresh_unknown")
        now = self.clock.now()
        if token.dead == "refresh_used" and token.next and now - token.next_at < life.grace:
            return token.next
        if token.dead:
            raise OAuthRefused(token.dead)
        if token.expires <= now:
            raise OAuthRefused("refresh_expired")
        token.dead, token.next_at = "refresh_used", now
        token.next = self.issue(token.user, client_id, scope, life)
        return token.next

    def find(self, value: str) -> Token | None:
        """The access token of that value, dead or alive."""
        token = self.tokens.get(value)
        return token if token and token.kind == "access" else None

    def is_live(self, token: Token) -> bool:
        """Whether an access token is still taken."""
        return token.dead is None and token.expires > self.clock.now()

    def kill(self, reason: Reason, user: str | None = None, client_id: str | None = None) -> int:
        """End all tokens of a user, of an application, or of both together. Returns how many."""
        found = [t for t in self._of(user, client_id) if t.dead is None]
        for token in found:
            token.dead = reason
        return len(found)

    def expire(self, user: str | None, kind: Literal["access", "refresh", "both"]) -> int:
        """Let tokens run out now. Returns how many."""
        found = [t for t in self._of(user, None) if kind in ("both", t.kind) and t.dead is None]
        for token in found:
            token.expires = min(token.expires, self.clock.now())
        return len(found)

    def _of(self, user: str | None, client_id: str | None) -> list[Token]:
        return [t for t in self.tokens.values() if user in (None, t.user) and client_id in (None, t.client_id)]

    def _token(
        self, kind: Literal["access", "refresh"], user: str, client_id: str, scope: str, seconds: float
    ) -> Token:
        value = f"{self.prefix}{kind}_{secrets.token_urlsafe(32)}"
        token = Token(value, kind, user, client_id, scope, self.clock.now() + seconds)
        self.tokens[value] = token
        return token


def challenge_of(verifier: str, method: str) -> str:
    """The PKCE challenge that belongs to a verifier; methods `S256` and `plain`."""
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
