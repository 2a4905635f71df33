"""What sources push: verified, stored, said on, answered. Nobody looks here whose it is or what it says."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from ingest_gateway.challenges import answer_challenge
from ingest_gateway.deps import Deps, DepsParam
from ingest_gateway.messages import fetch_requested
from ingest_gateway.problems import (
    BODY_STALLED,
    BODY_TOO_LARGE,
    INVALID_SIGNATURE,
    NO_SUCH_SOURCE,
    ProblemError,
    documented,
)
from ingest_gateway.queries import webhooks as queries
from ingest_gateway.signatures import NotGenuine, verify
from pipeline_contracts import FetchRequested, WebhookScheme
from pipeline_runtime import metrics

PREFIX = "/webhooks/"
LIMIT_BYTES = 8 * 1024 * 1024
"""Some sources push whole transcripts."""
BODY_SECONDS = 20.0
KEPT_HEADERS: tuple[str, ...] = ("content-type", "webhook-id")
KEPT_HEADER_CHARACTERS = 200
_RESPONSES = documented(NO_SUCH_SOURCE, INVALID_SIGNATURE, BODY_STALLED, BODY_TOO_LARGE)

log = structlog.get_logger()
router = APIRouter(tags=["webhooks"])


@router.post("/webhooks/{source}", status_code=204, summary="For sources that push", responses=_RESPONSES)
async def receive(source: str, request: Request, deps: DepsParam) -> Response:
    """A delivery to the one address of a source."""
    return await _receive(request, deps, source, None)


@router.post(
    "/webhooks/{source}/{account_id}", status_code=204, summary="For sources that push to each account",
    responses=_RESPONSES,
)  # fmt: skip
async def receive_for_account(source: str, account_id: str, request: Request, deps: DepsParam) -> Response:
    """A delivery to an account's own address."""
    try:
        account = UUID(account_id)
    except ValueError:
        raise NO_SUCH_SOURCE.error() from None
    return await _receive(request, deps, source, account)


async def _receive(request: Request, deps: Deps, source: str, account: UUID | None) -> Response:
    manifest = deps.manifests.find(source)
    scheme = manifest.webhook if manifest else None
    if scheme is None or scheme.per_account != (account is not None):
        raise NO_SUCH_SOURCE.error()
    try:
        return await _take(request, deps, source, account, scheme)
    except ProblemError as problem:
        metrics.DELIVERIES.labels(source, problem.code).inc()
        raise


async def _take(
    request: Request, deps: Deps, source: str, account: UUID | None, scheme: WebhookScheme
) -> Response:
    secrets = await _secrets(deps, source, account)  # first: a stranger's body is not worth its memory
    body = await _read(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        genuine = verify(scheme, secrets, body, headers)
    except NotGenuine as fault:
        log.warning("webhook.refused", source=source, reason=fault.reason)
        raise INVALID_SIGNATURE.error() from None
    if answer := answer_challenge(scheme.challenge, genuine.secret, body):
        metrics.DELIVERIES.labels(source, "challenge").inc()
        return JSONResponse(answer)
    is_new = await _store(deps, source, account, genuine.delivery, body, headers)
    metrics.DELIVERIES.labels(source, "stored" if is_new else "repeated").inc()
    return Response(status_code=204)


async def _read(request: Request) -> bytes:
    """Raises body_too_large, body_stalled."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LIMIT_BYTES:
                    raise BODY_TOO_LARGE.error()
    except TimeoutError:
        raise BODY_STALLED.error() from None
    return bytes(body)


async def _secrets(deps: Deps, source: str, account: UUID | None) -> list[str]:
    """Raises no_such_source where there is none: an account that is unknown, or was disconnected."""
    async with deps.intake.connect() as connection:
        encrypted = await queries.find_secrets(connection, source=source, account=account)
    secrets = deps.webhook_keys.open_all(encrypted)
    if not secrets:
        raise NO_SUCH_SOURCE.error()
    return secrets


async def _store(
    deps: Deps, source: str, account: UUID | None, delivery: str, body: bytes, headers: dict[str, str]
) -> bool:
    """False where it lies there already: it was said on then."""
    inbox = uuid4()
    kept = {name: headers[name][:KEPT_HEADER_CHARACTERS] for name in KEPT_HEADERS if name in headers}
    async with deps.relay.transaction() as transaction:
        is_new = await queries.store_delivery(
            transaction.connection, inbox=inbox, source=source, account=account, body=body, headers=kept,
            delivery=f"{account}:{delivery}" if account else delivery,  # no account hides another's
        )  # fmt: skip
        if is_new:
            message = FetchRequested(trigger="webhook", inbox_id=inbox)
            key = account or inbox
            transaction.emit(fetch_requested(message, source=source, key=key, fact=f"webhook.{inbox}"))
    log.info("webhook.stored", source=source, inbox=str(inbox), is_new=is_new)
    return is_new
