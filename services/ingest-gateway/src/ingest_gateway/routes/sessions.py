"""Signing up, in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from ingest_gateway.callers import COOKIE, SESSION_LASTS
from ingest_gateway.deps import Deps, DepsParam
from ingest_gateway.origins import refuse_foreign, require_own
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    SIGNUP_CLOSED,
    TOO_MANY_ATTEMPTS,
    USER_EXISTS,
    WRONG_CREDENTIALS,
    documented,
)
from ingest_gateway.queries import people
from ingest_gateway.schemas import Credentials, NewUser, User
from pipeline_runtime.people import PersonError, add_token, add_user, clean_email, token_digest

router = APIRouter(tags=["accounts"])


@router.post(
    "/api/users", status_code=201, summary="Sign up",
    responses=documented(SIGNUP_CLOSED, FOREIGN_ORIGIN, USER_EXISTS, TOO_MANY_ATTEMPTS),
)  # fmt: skip
async def sign_up(new: NewUser, request: Request, response: Response, deps: DepsParam) -> User:
    """Make a local account with a personal bank and vault, and sign in. Needs SIGNUP=open."""
    refuse_foreign(request, deps.settings.public_url)
    if deps.settings.signup == "closed":
        raise SIGNUP_CLOSED.error()
    email = clean_email(new.email)
    deps.attempts.begin(_address(request), email)
    password_hash = await deps.passwords.hash(new.password.get_secret_value())
    async with deps.intake.begin() as connection:
        user = await add_user(connection, email, password_hash=password_hash)
        token = await add_token(connection, user, kind="session", name="Sign-up", expires_at=_end())
        made = await people.find_user(connection, user=user)
    _set_cookie(response, token, deps)
    return User.model_validate(made, from_attributes=True)


@router.post(
    "/api/session", summary="Sign in",
    responses=documented(WRONG_CREDENTIALS, FOREIGN_ORIGIN, TOO_MANY_ATTEMPTS),
)  # fmt: skip
async def sign_in(credentials: Credentials, request: Request, response: Response, deps: DepsParam) -> User:
    """Sign in with a local account; sets the session's cookie, which lasts for 30 days."""
    refuse_foreign(request, deps.settings.public_url)
    user = await _check(credentials, _address(request), deps)
    async with deps.intake.begin() as connection:
        token = await add_token(connection, user.id, kind="session", name="Sign-in", expires_at=_end())
    _set_cookie(response, token, deps)
    return user


@router.delete("/api/session", status_code=204, summary="Sign out", responses=documented(FOREIGN_ORIGIN))
async def sign_out(request: Request, response: Response, deps: DepsParam) -> None:
    """End the session of the cookie. Nothing to do is fine too."""
    if token := request.cookies.get(COOKIE):
        require_own(request, deps.settings.public_url)
        async with deps.intake.begin() as connection:
            await people.drop_session(connection, digest=token_digest(token))
    response.delete_cookie(COOKIE, path="/", secure=deps.settings.is_https, httponly=True, samesite="lax")


async def _check(credentials: Credentials, address: str, deps: Deps) -> User:
    """Takes as long whether or not there is such a user. Raises wrong_credentials or too_many_attempts."""
    try:
        email = clean_email(credentials.email)
    except PersonError:
        raise WRONG_CREDENTIALS.error() from None
    deps.attempts.begin(address, email)
    async with deps.intake.connect() as connection:
        known = await people.find_local_user(connection, email=email)
    password = credentials.password.get_secret_value()
    if not await deps.passwords.matches(known.password_hash if known else None, password) or known is None:
        raise WRONG_CREDENTIALS.error()
    deps.attempts.forget(address, email)
    return User(id=UUID(str(known.id)), email=known.email, plan=known.plan)


def _end() -> datetime:
    return datetime.now(UTC) + SESSION_LASTS


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _set_cookie(response: Response, token: str, deps: Deps) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(SESSION_LASTS.total_seconds()), path="/",
        secure=deps.settings.is_https, httponly=True, samesite="lax",
    )  # fmt: skip
