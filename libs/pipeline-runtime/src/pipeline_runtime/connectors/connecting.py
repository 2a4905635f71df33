"""Connecting: from an attempt's sealed secret to an account whose first sync has begun.

The attempt's row is the work: a message only wakes us, so that none that is lost does harm. All
that a connection makes (source, credentials, first job) is one transaction; an attempt is used once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_runtime import tasks
from pipeline_runtime.connectors import credentials, resuming, stopping
from pipeline_runtime.connectors.keys import Undecipherable
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.connectors.tokens import AnswerLost, ClientRefused, GrantRefused, TokensBusy
from pipeline_runtime.connectors.values import Account
from pipeline_runtime.database import is_away
from pipeline_runtime.failures import CLIENT_REFUSED, ItemProblem, Transient

LEASE = timedelta(seconds=60)
TRIES = 5
_PAUSE = 1.0
REFUSED = "credentials_refused"
UNREACHABLE = "source_unavailable"

_CLAIM = text("""
UPDATE connect_attempts SET lease_until = now() + CAST(:lease AS interval)
WHERE id = (SELECT id FROM connect_attempts
            WHERE source_app = :source AND status = 'submitted' AND used_at IS NULL AND expires_at > now()
              AND (lease_until IS NULL OR lease_until <= now())
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, user_id, method, secret_sealed, pkce_verifier_sealed, redirect_uri, options
""")
_RENEW = text("""
UPDATE connect_attempts SET lease_until = now() + CAST(:lease AS interval) WHERE id = :id AND used_at IS NULL
""")
_USE = text("""
UPDATE connect_attempts SET status = 'done', used_at = now(), account_id = :account, secret_sealed = NULL,
    pkce_verifier_sealed = NULL
WHERE id = :id AND status = 'submitted' AND used_at IS NULL AND expires_at > now() RETURNING id
""")
_FAIL = text("""
UPDATE connect_attempts SET status = 'failed', reason = :reason, used_at = now(), secret_sealed = NULL,
    pkce_verifier_sealed = NULL
WHERE id = :id AND status = 'submitted' AND used_at IS NULL
""")
_SOURCE = text("""
INSERT INTO import_sources AS s (id, user_id, source_app, provider_account_id, match_keys, workspace, email,
    options, next_sync_at, webhook_note)
VALUES (:id, :user, :source, :provider_account, :keys, :workspace, :email, CAST(:options AS jsonb),
    now() + interval '1 hour' * (0.9 + 0.2 * random()), :note)
ON CONFLICT ON CONSTRAINT one_card_per_account DO UPDATE SET match_keys = excluded.match_keys,
    workspace = excluded.workspace,
    email = coalesce(excluded.email, s.email), options = s.options || excluded.options, status = 'active',
    is_active = true, reason = NULL, version = s.version + 1, next_sync_at = excluded.next_sync_at,
    webhook_note = CASE WHEN s.webhook_id IS NULL THEN excluded.webhook_note ELSE s.webhook_note END
RETURNING id, user_id, source_app, version, status, reason, email, generation
""")
_GONE = text("""
SELECT id FROM import_sources WHERE user_id = :user AND source_app = :source
  AND provider_account_id = :provider_account AND status = 'disconnected'
""")
_JOB = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger)
VALUES (:id, :user, :source, :account, 'connect') ON CONFLICT DO NOTHING RETURNING id
""")
_LIST = text("""
INSERT INTO tasks (kind, job_id, owner_user_id, account_id, attempt, payload)
SELECT :kind, j.id, j.owner_user_id, j.account_id, 1, jsonb_build_object('generation', s.generation)
FROM sync_jobs j LEFT JOIN import_sources s ON s.id = j.account_id
WHERE j.id = :job AND j.discovery_ended_at IS NULL AND j.cancel_requested_at IS NULL
ON CONFLICT (job_id, kind) WHERE item_id IS NULL DO NOTHING
""")

log = structlog.get_logger()


class ConnectFailed(Exception):
    """The attempt is over; `reason` is a code that the card turns into a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def add_listing(connection: AsyncConnection, kit: Kit, job: UUID) -> None:
    """Make the task that lists a job's calls, unless it is there or the listing is over."""
    await connection.execute(_LIST, {"kind": kit.listing, "job": job})
    await tasks.notify(connection, kit.listing)


async def connect_next(kit: Kit) -> bool:
    """Work on one attempt; False where none waits."""
    async with kit.engine.begin() as connection:
        values = {"source": kit.name, "lease": LEASE}
        attempt = (await connection.execute(_CLAIM, values)).one_or_none()
    if attempt is None:
        return False
    with structlog.contextvars.bound_contextvars(attempt=str(attempt.id)):
        try:
            async with _holding(kit, attempt.id):
                secret = await _secret(kit, attempt)
                await _keep(kit, attempt, secret, await _account(kit, secret))
            log.info("source.connected")
        except ConnectFailed as failed:
            log.warning("source.not_connected", reason=failed.reason)
            async with kit.engine.begin() as connection:
                await connection.execute(_FAIL, {"id": attempt.id, "reason": failed.reason})
    return True


@asynccontextmanager
async def _holding(kit: Kit, attempt: UUID) -> AsyncIterator[None]:
    """Keep the lease for as long as the body runs: another process would spend the code a second time."""
    keeper = asyncio.create_task(_renew(kit, attempt))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _renew(kit: Kit, attempt: UUID) -> None:
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        try:
            async with kit.engine.begin() as connection:
                await connection.execute(_RENEW, {"id": attempt, "lease": LEASE})
        except (SQLAlchemyError, OSError) as error:
            log.warning("attempt.not_renewed", error=type(error).__name__)


async def _secret(kit: Kit, attempt: Any) -> dict[str, Any]:
    """What is to be stored. Raises ConnectFailed."""
    try:
        handed_in = _only(kit.keys.unseal(attempt.secret_sealed))
        verifier = attempt.pkce_verifier_sealed and _only(kit.keys.unseal(attempt.pkce_verifier_sealed))
    except Undecipherable:
        raise ConnectFailed("unreadable_secret") from None
    if attempt.method == "api_key":
        return {"api_key": handed_in}
    if kit.endpoint is None:
        raise ConnectFailed("not_configured")
    try:
        return await kit.endpoint.exchange(handed_in, attempt.redirect_uri or "", verifier)
    except GrantRefused:
        raise ConnectFailed(REFUSED) from None
    except ClientRefused as refused:
        log.error("client.refused", why=str(refused))  # noqa: TRY400  the sentence says it all
        raise ConnectFailed(CLIENT_REFUSED.code) from None
    except (AnswerLost, TokensBusy):
        raise ConnectFailed(UNREACHABLE) from None


def _only(opened: dict[str, str]) -> str:
    """The one secret that was sealed."""
    return next(iter(opened.values()), "")


async def _account(kit: Kit, secret: dict[str, Any]) -> Account:
    """Whose the secret is. Raises ConnectFailed."""
    assert kit.connector.account is not None, "a source that is connected has accounts"
    try:
        return await kit.connector.account(kit.http_with(secret))
    except ReconnectNeeded:
        raise ConnectFailed(REFUSED) from None
    except Transient:
        raise ConnectFailed(UNREACHABLE) from None
    except ItemProblem as problem:
        raise ConnectFailed(problem.code) from None
    except Exception:
        log.exception("account.unreadable")
        raise ConnectFailed("source_unreadable") from None


async def _keep(kit: Kit, attempt: Any, secret: dict[str, Any], account: Account) -> None:
    """The code is spent: what came for it is stored, though the database be away, or a lock be fought for."""
    tries = 0
    while True:
        try:
            return await _connected(kit, attempt, secret, account)
        except (SQLAlchemyError, OSError) as error:
            tries += not is_away(error)
            if tries >= TRIES:
                raise
            log.warning("source.not_stored", error=type(error).__name__)
        await asyncio.sleep(_PAUSE)


async def _connected(kit: Kit, attempt: Any, secret: dict[str, Any], account: Account) -> None:
    """One transaction. Raises ConnectFailed where the attempt was used or ran out meanwhile."""
    async with kit.relay.transaction() as transaction:
        connection, values = transaction.connection, _source_values(kit, attempt, account)
        if gone := await connection.scalar(_GONE, values):  # what was begun before is over, heard of or not
            await stopping.stop_in(kit, transaction, gone)
        source = (await connection.execute(_SOURCE, values)).one()
        used = await connection.scalar(_USE, {"id": attempt.id, "account": source.id})
        if used is None:
            raise ConnectFailed("expired")
        await credentials.put(
            connection, kit.keys, account=source.id, source=kit.name, generation=source.generation,
            secret=secret,
        )  # fmt: skip
        await _begin_sync(kit, connection, source)
        await resuming.resume(kit, transaction, source.id)
        transaction.emit(kit.messages.source_changed(source))


async def _begin_sync(kit: Kit, connection: AsyncConnection, source: Any) -> None:
    """The first sync starts with no further question; where one is under way, that one goes on."""
    job = {"id": uuid4(), "user": source.user_id, "source": kit.name, "account": source.id}
    if made := await connection.scalar(_JOB, job):
        await add_listing(connection, kit, made)


def _source_values(kit: Kit, attempt: Any, account: Account) -> dict[str, Any]:
    """A source that takes registrations gets its webhook later: until then the note is empty."""
    note = None if kit.connector.register_webhook or not kit.connector.manifest.webhook else "app_wide"
    return {
        "id": uuid4(), "user": attempt.user_id, "source": kit.name, "provider_account": account.id,
        "keys": list(account.keys), "workspace": account.workspace, "email": account.email,
        "options": json.dumps(attempt.options or {}),
        "note": note,
    }  # fmt: skip
