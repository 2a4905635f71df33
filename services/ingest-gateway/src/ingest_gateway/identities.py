"""Outside identities: JWTs of a provider, checked by its public keys or by a shared secret.

Which algorithms count is a matter of configuration, never of the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import jwt
from jwt import PyJWK

from ingest_gateway.jwks import FLOOR_SECONDS, KeySet
from ingest_gateway.problems import INVALID_TOKEN, TOKEN_EXPIRED
from ingest_gateway.settings import GatewaySettings

PUBLIC_KEY_ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]
SHARED_SECRET_ALGORITHMS = ["HS256"]
CLOCKS_DIFFER = 30  # seconds
LONGEST_SUBJECT = 255


@dataclass(frozen=True)
class Identity:
    """Who a token speaks of. `subject` is "<issuer>|<sub>"; the e-mail address may be missing."""

    subject: str
    email: str | None


class Identities(Protocol):
    """What checks tokens of outside identities."""

    async def verify(self, token: str) -> Identity:
        """Raises invalid_token, token_expired or identity_provider_unavailable."""


class NoIdentities:
    """Where no identity provider is configured."""

    async def verify(self, token: str) -> Identity:  # noqa: ARG002
        """Raises invalid_token, always."""
        raise INVALID_TOKEN.error()


class _Rules:
    """What is asked of every token beside its signature."""

    def __init__(self, settings: GatewaySettings, algorithms: list[str]) -> None:
        self._audience = settings.auth_jwt_audience
        self._issuer = settings.auth_jwt_issuer
        self._algorithms = algorithms

    def read(self, token: str, key: PyJWK | str) -> Identity:
        required = ["exp", "sub", "aud", *(["iss"] if self._issuer else [])]
        try:
            claims = jwt.decode(
                token, key, algorithms=self._algorithms, audience=self._audience, issuer=self._issuer,
                leeway=CLOCKS_DIFFER, options={"require": required},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise TOKEN_EXPIRED.error() from None
        except jwt.PyJWTError:
            raise INVALID_TOKEN.error() from None
        return _identity(claims)


def _identity(claims: dict[str, Any]) -> Identity:
    subject, email = claims["sub"], claims.get("email")
    if not isinstance(subject, str) or not subject or len(subject) > LONGEST_SUBJECT or "\0" in subject:
        raise INVALID_TOKEN.error()
    return Identity(f"{claims.get('iss', '')}|{subject}", email if isinstance(email, str) and email else None)


class SharedSecretIdentities:
    """HS256 by a secret that the provider and we know."""

    def __init__(self, settings: GatewaySettings, secret: str) -> None:
        self._rules = _Rules(settings, SHARED_SECRET_ALGORITHMS)
        self._secret = secret

    async def verify(self, token: str) -> Identity:
        """Raises invalid_token or token_expired."""
        return self._rules.read(token, self._secret)


class PublicKeyIdentities:
    """By the provider's public keys."""

    def __init__(self, settings: GatewaySettings, keys: KeySet) -> None:
        self._rules = _Rules(settings, PUBLIC_KEY_ALGORITHMS)
        self._keys = keys

    async def verify(self, token: str) -> Identity:
        """Raises invalid_token, token_expired or identity_provider_unavailable."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise INVALID_TOKEN.error() from None
        key = await self._keys.find(header.get("kid"))
        if key is None:
            raise INVALID_TOKEN.error()
        return self._rules.read(token, key)


def make_identities(
    settings: GatewaySettings, client: httpx.AsyncClient, *, floor: float = FLOOR_SECONDS
) -> Identities:
    """As the settings say."""
    if settings.auth_jwks_url:
        return PublicKeyIdentities(settings, KeySet(str(settings.auth_jwks_url), client, floor=floor))
    if settings.auth_jwt_secret:
        return SharedSecretIdentities(settings, settings.auth_jwt_secret.get_secret_value())
    return NoIdentities()
