"""Going to a provider and coming back: the authorize URL, its one-use state, the browser it is bound to."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request

from ingest_gateway.callers import COOKIE
from pipeline_contracts import OAuthOffer

BINDING_COOKIE = "callvault_connect"
_BINDING = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")

PROVIDER_ERRORS = {
    "access_denied": "access_denied",
    "server_error": "provider_unavailable",
    "temporarily_unavailable": "provider_unavailable",
}
"""What RFC 6749 lets a provider answer, and our code for it. All else is `provider_refused`."""


@dataclass(frozen=True)
class Trip:
    """One way to a provider and back. `verifier` is the secret of PKCE, None without it."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str | None = field(default=None, repr=False)

    @property
    def state_hash(self) -> bytes:
        """What is stored of the state."""
        return digest(self.state)

    def url(self, offer: OAuthOffer, redirect_uri: str) -> str:
        """Where the browser goes. What the offer's own URL carries stays."""
        parts = urlsplit(offer.authorize_url)
        query = dict(parse_qsl(parts.query)) | {
            "response_type": "code",
            "client_id": offer.client_id,
            "redirect_uri": redirect_uri,
            "state": self.state,
        }
        if offer.scopes:
            query["scope"] = " ".join(offer.scopes)
        if self.verifier:
            challenge = hashlib.sha256(self.verifier.encode()).digest()
            query["code_challenge"] = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
            query["code_challenge_method"] = "S256"
        return urlunsplit(parts._replace(query=urlencode(query)))


def begin_trip(offer: OAuthOffer) -> Trip:
    """A fresh state, and a fresh verifier where the provider takes PKCE."""
    return Trip(verifier=secrets.token_urlsafe(48) if offer.pkce else None)


def digest(text: str) -> bytes:
    """What is stored of a random text."""
    return hashlib.sha256(text.encode()).digest()


def is_state(text: str) -> bool:
    """Whether it has a state's form."""
    return _STATE.fullmatch(text) is not None


def binding_of(request: Request) -> str:
    """The random word that this browser carries while it connects, a new one where it has none."""
    word = request.cookies.get(BINDING_COOKIE, "")
    return word if _BINDING.fullmatch(word) else secrets.token_urlsafe(32)


def session_hash(word: str, session: str | None) -> bytes:
    """What an attempt is bound to: the browser, and the session that it was begun in, if by one."""
    return digest(f"{word} {session or ''}")


def session_hashes(request: Request) -> list[bytes]:
    """Those that a request may stand for."""
    word = request.cookies.get(BINDING_COOKIE, "")
    if not _BINDING.fullmatch(word):
        return []
    session = request.cookies.get(COOKIE)
    return [session_hash(word, None)] + ([session_hash(word, session)] if session else [])
