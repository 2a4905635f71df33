"""The user who asks: account, usage, API tokens."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from ingest_gateway.causes import resets_at, usage_sentence
from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import FOREIGN_ORIGIN, NOT_FOUND, documented
from ingest_gateway.queries import people
from ingest_gateway.queries import tokens as queries
from ingest_gateway.schemas import FreshToken, Me, NewToken, Token, Tokens, Usage
from pipeline_runtime.database import speaking_for
from pipeline_runtime.people import new_token, token_digest

router = APIRouter(tags=["accounts"])


@router.get("/api/me", summary="Who you are", responses=documented())
async def get_me(caller: CallerParam, deps: DepsParam) -> Me:
    """Your account, with your personal bank and vault."""
    async with speaking_for(deps.web, caller.user) as connection:
        return Me(**await people.find_me(connection, user=caller.user))


@router.get("/api/usage", summary="This month's imports", responses=documented())
async def get_usage(caller: CallerParam, deps: DepsParam) -> Usage:
    """How many imports you have used this month, of how many."""
    async with speaking_for(deps.web, caller.user) as connection:
        found = await people.find_usage(connection, user=caller.user)
    limit = found.monthly_imports
    remaining = None if limit is None else max(0, limit - found.used - found.pending)
    return Usage(
        plan=found.plan, month=f"{found.month:%Y-%m}", used=found.used, pending=found.pending, limit=limit,
        remaining=remaining, resets_at=resets_at(found), message=usage_sentence(found),
    )  # fmt: skip


@router.get("/api/tokens", summary="Your API tokens", responses=documented())
async def list_tokens(caller: CallerParam, deps: DepsParam) -> Tokens:
    """Your personal API tokens, newest first."""
    async with speaking_for(deps.web, caller.user) as connection:
        return Tokens(tokens=[Token(**row) for row in await queries.list_tokens(connection)])


@router.post("/api/tokens", status_code=201, summary="Make an API token", responses=documented(FOREIGN_ORIGIN))
async def make_token(new: NewToken, caller: CallerParam, deps: DepsParam) -> FreshToken:
    """Make a personal API token. It is shown this once: only its hash is stored."""
    token = new_token()
    lasts = timedelta(days=new.expires_in_days) if new.expires_in_days else None
    name = new.name.replace("\0", "")
    async with speaking_for(deps.web, caller.user) as connection:
        made = await queries.add_token(
            connection, user=caller.user, name=name, digest=token_digest(token), lasts=lasts
        )
    return FreshToken(
        id=made["id"], name=made["name"], token=token, created_at=made["created_at"],
        expires_at=made["expires_at"],
    )  # fmt: skip


@router.delete(
    "/api/tokens/{token_id}", status_code=204, summary="Delete an API token",
    responses=documented(FOREIGN_ORIGIN, NOT_FOUND),
)  # fmt: skip
async def delete_token(token_id: UUID, caller: CallerParam, deps: DepsParam) -> None:
    """From now on nobody can use it."""
    async with speaking_for(deps.web, caller.user) as connection:
        if not await queries.drop_token(connection, token=token_id):
            raise NOT_FOUND.error("You have no such token.")
