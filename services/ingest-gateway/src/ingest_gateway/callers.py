"""Whose request it is: by session cookie, by personal API token, by a token of an outside identity."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import Request

from ingest_gateway.identities import Identities, Identity
from ingest_gateway.origins import require_own
from ingest_gateway.problems import INVALID_TOKEN, NOT_SIGNED_IN
from ingest_gateway.queries import people
from pipeline_runtime.people import TOKEN_PREFIX, PersonError, add_user, clean_email, token_digest

COOKIE = "callvault_session"
SESSION_LASTS = timedelta(days=30)


@dataclass(frozen=True)
class Caller:
    """A user who is known, and how."""

    user: UUID
    by: Literal["session", "token", "identity"]


class Callers:
    """Finds out who asks."""

    def __init__(self, intake: AsyncEngine, identities: Identities, public_url: str) -> None:
        self._intake = intake
        self._identities = identities
        self._public_url = public_url

    async def identify(self, request: Request) -> Caller:
        """An Authorization header counts before the cookie; a write by cookie needs our own Origin.

        Raises not_signed_in, invalid_token, token_expired or foreign_origin.
        """
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme:
            caller = await self._by_bearer(bearer.strip() if scheme.lower() == "bearer" else "")
        elif session := request.cookies.get(COOKIE):
            caller = await self._by_token(session, "session")
            require_own(request, self._public_url)
        else:
            raise NOT_SIGNED_IN.error(headers={"WWW-Authenticate": "Bearer"})
        structlog.contextvars.bind_contextvars(owner=str(caller.user))
        return caller

    async def _by_bearer(self, token: str) -> Caller:
        if token.startswith(TOKEN_PREFIX):
            return await self._by_token(token, "token")
        identity = await self._identities.verify(token)
        return Caller(await self._user_of(identity), "identity")

    async def _by_token(self, token: str, by: Literal["session", "token"]) -> Caller:
        kind = "session" if by == "session" else "personal"
        async with self._intake.begin() as connection:
            user = await people.find_token_holder(connection, digest=token_digest(token), kind=kind)
        if user is None:
            raise INVALID_TOKEN.error() if by == "token" else NOT_SIGNED_IN.error()
        return Caller(user, by)

    async def _user_of(self, identity: Identity) -> UUID:
        """The user behind an identity, made at first sight; of several at once one makes it."""
        async with self._intake.begin() as connection:
            known = await people.find_external_user(connection, subject=identity.subject)
            if known:
                await _follow_email(connection, identity, *known)
                return known[0]
        with suppress(PersonError):  # somebody was faster
            async with self._intake.begin() as connection:
                return await add_user(connection, _email_of(identity), external_subject=identity.subject)
        async with self._intake.begin() as connection:
            known = await people.find_external_user(connection, subject=identity.subject)
        if known is None:
            raise INVALID_TOKEN.error()
        return known[0]


async def _follow_email(connection: AsyncConnection, identity: Identity, user: UUID, stored: str) -> None:
    if identity.email and (email := _email_of(identity)) != stored:
        await people.set_email(connection, user=user, email=email)


def _email_of(identity: Identity) -> str:
    """The provider's address; where it has none that is one, an address that says so and reaches nobody."""
    with suppress(PersonError):
        return clean_email(identity.email or "")
    return f"{uuid5(NAMESPACE_URL, identity.subject)}@no-address.invalid"
