"""Sources, and connecting them."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest_gateway import consent
from ingest_gateway.callers import COOKIE, Caller
from ingest_gateway.cards import Cards, read_shelf
from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.messages import source_command
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    METHOD_NOT_OFFERED,
    MISSING_KEY,
    NO_SUCH_SOURCE,
    NO_SWITCH,
    SOURCE_NOT_CONFIGURED,
    SOURCE_NOT_RUNNING,
    TOO_MANY_CONNECTS,
    UNKNOWN_OPTION,
    documented,
)
from ingest_gateway.queries import sources as queries
from ingest_gateway.queries.sources import NewAttempt
from ingest_gateway.queries.switches import set_switch
from ingest_gateway.queries.webhooks import list_sources_with_secret
from ingest_gateway.schemas.sources import Connect, Connecting, Source, SourceChange, Sources
from ingest_gateway.sealing import seal
from pipeline_contracts import ConnectorManifest, ConnectRequested
from pipeline_runtime.database import speaking_for

OPEN_ATTEMPTS_OF_ONE_USER = 10

log = structlog.get_logger()
router = APIRouter(tags=["sources"])


@router.get("/api/sources", summary="Sources and your accounts", responses=documented())
async def list_sources(caller: CallerParam, deps: DepsParam) -> Sources:
    """A card for each source, with your accounts at it."""
    return Sources(sources=await _cards(caller, deps))


@router.get("/api/sources/{source}", summary="One source", responses=documented(NO_SUCH_SOURCE))
async def get_source(source: str, caller: CallerParam, deps: DepsParam) -> Source:
    """One card."""
    card = next((card for card in await _cards(caller, deps) if card.source == source), None)
    if card is None:
        raise NO_SUCH_SOURCE.error()
    return card


@router.patch(
    "/api/sources/{source}", summary="Switch a source on or off",
    responses=documented(FOREIGN_ORIGIN, NO_SUCH_SOURCE, NO_SWITCH),
)  # fmt: skip
async def change_source(source: str, change: SourceChange, caller: CallerParam, deps: DepsParam) -> Source:
    """Of a source without accounts. Switched off, it takes no new files or links; what is under way goes on."""
    if (await get_source(source, caller, deps)).is_active is None:
        raise NO_SWITCH.error()
    async with speaking_for(deps.web, caller.user) as connection:
        await set_switch(connection, user=caller.user, source=source, is_active=change.is_active)
    return await get_source(source, caller, deps)


async def _cards(caller: Caller, deps: Deps) -> list[Source]:
    async with deps.intake.connect() as connection:
        shared = await list_sources_with_secret(connection)
    async with speaking_for(deps.web, caller.user, at_one_moment=True) as connection:
        shelf = await read_shelf(connection)
    return Cards(deps.manifests, shared).sources(shelf)


@router.post(
    "/api/sources/{source}/connect", status_code=202, summary="Connect a source",
    responses=documented(
        FOREIGN_ORIGIN, NO_SUCH_SOURCE, METHOD_NOT_OFFERED, SOURCE_NOT_CONFIGURED, MISSING_KEY, UNKNOWN_OPTION,
        TOO_MANY_CONNECTS, SOURCE_NOT_RUNNING,
    ),
)  # fmt: skip
async def connect(
    source: str, wish: Connect, request: Request, response: Response, caller: CallerParam, deps: DepsParam
) -> Connecting:
    """Begin to connect an account: by sign-in at the source (open `authorize_url`), or by an API key.

    The way back works once, for five minutes, in the browser that began it. An account that is known
    already is connected again, and keeps what it had.
    """
    manifest = deps.manifests.find(source)
    if manifest is None:
        raise NO_SUCH_SOURCE.error()
    method = _method(manifest, wish)
    if not deps.manifests.is_running(source):
        raise SOURCE_NOT_RUNNING.error(f"The connector of {manifest.name} is not running. Try again later.")
    require_options(manifest, wish.options)
    if method == "api_key":
        keyed = await _connect_by_key(manifest, wish, caller, deps)
        deps.hub.nudge(caller.user)
        return keyed
    word = consent.binding_of(request)
    session = request.cookies.get(COOKIE) if caller.by == "session" else None
    connecting = await _connect_by_consent(manifest, wish, consent.session_hash(word, session), caller, deps)
    response.set_cookie(
        consent.BINDING_COOKIE, word, max_age=3600, path="/", secure=deps.settings.is_https, httponly=True,
        samesite="lax",
    )  # fmt: skip
    return connecting


def _method(manifest: ConnectorManifest, wish: Connect) -> Literal["oauth2", "api_key"]:
    """Raises method_not_offered, source_not_configured."""
    has_client = manifest.oauth is not None and bool(manifest.oauth.client_id)
    offered = [method for method in manifest.connect if method in ("oauth2", "api_key")]
    wished = wish.method or ("api_key" if wish.api_key else None)
    if not offered or (wished and wished not in offered):
        raise METHOD_NOT_OFFERED.error(f"{manifest.name} is not connected in that way.")
    if wished is None:
        wished = "oauth2" if "oauth2" in offered and (has_client or "api_key" not in offered) else "api_key"
    if wished == "oauth2" and not has_client:
        raise SOURCE_NOT_CONFIGURED.error(
            f"Signing in at {manifest.name} is not set up on this installation. Ask your administrator."
        )
    return wished


def require_options(manifest: ConnectorManifest, options: dict[str, bool]) -> None:
    """Raises unknown_option."""
    if unknown := options.keys() - {option.name for option in manifest.options}:
        raise UNKNOWN_OPTION.error(f"{manifest.name} has no option {min(unknown)}.")


async def _connect_by_key(manifest: ConnectorManifest, wish: Connect, caller: Caller, deps: Deps) -> Connecting:
    key = _clean_key(wish.api_key)
    sealed = seal(manifest, {"api_key": key})
    new = NewAttempt(uuid4(), caller.user, manifest.source, "api_key", "submitted", secret=sealed)
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        await _require_room(transaction.connection, manifest.source)
        expires_at = await queries.add_attempt(transaction.connection, new=new, options=wish.options)
        command = ConnectRequested(attempt_id=new.id)
        transaction.emit(source_command(command, source=manifest.source, key=new.id, fact=str(new.id)))
    log.info("connect.submitted", source=manifest.source, attempt=str(new.id), method="api_key")
    return Connecting(attempt_id=new.id, method="api_key", authorize_url=None, expires_at=expires_at)


def _clean_key(key: SecretStr | None) -> str:
    """Without what came along when it was copied. Raises missing_key."""
    text = key.get_secret_value().strip() if key else ""
    if not text or not (text.isascii() and text.isprintable()):
        raise MISSING_KEY.error()
    return text


async def _connect_by_consent(
    manifest: ConnectorManifest, wish: Connect, session_hash: bytes, caller: Caller, deps: Deps
) -> Connecting:
    assert manifest.oauth is not None
    trip = consent.begin_trip(manifest.oauth)
    redirect_uri = f"{deps.settings.public_url.rstrip('/')}/oauth/{manifest.source}/callback"
    new = NewAttempt(
        uuid4(), caller.user, manifest.source, "oauth2", "started", session_hash=session_hash,
        state_hash=trip.state_hash, redirect_uri=redirect_uri,
        verifier=seal(manifest, {"code_verifier": trip.verifier}) if trip.verifier else None,
    )  # fmt: skip
    async with speaking_for(deps.web, caller.user) as connection:
        await _require_room(connection, manifest.source)
        expires_at = await queries.add_attempt(connection, new=new, options=wish.options)
    log.info("connect.started", source=manifest.source, attempt=str(new.id))
    url = trip.url(manifest.oauth, redirect_uri)
    return Connecting(attempt_id=new.id, method="oauth2", authorize_url=url, expires_at=expires_at)


async def _require_room(connection: AsyncConnection, source: str) -> None:
    """Raises too_many_connects."""
    if await queries.count_open_attempts(connection, source=source) >= OPEN_ATTEMPTS_OF_ONE_USER:
        raise TOO_MANY_CONNECTS.error()
