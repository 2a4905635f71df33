"""Webhooks, after they were stored: whose they are, and what is to be done for each account.

An active account gets a job whose id derives from the delivery, admitted in the transaction that
marks it resolved. For one that is paused or in error the delivery is held, and looked at again
when it is active; then calls are fetched by the account's own token, never by one in the body.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import text

from pipeline_runtime import metrics
from pipeline_runtime.connectors import admission
from pipeline_runtime.connectors.admission import Place
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.values import Notice
from pipeline_runtime.outbox import Transaction

WITHDRAWN = "consent_withdrawn"

_FIND = text("SELECT id, account_id, body, state FROM webhook_inbox WHERE id = :inbox FOR UPDATE")
_NAMED = text(
    "SELECT id, user_id, status, generation, options FROM import_sources WHERE id = :account FOR SHARE"
)
_MATCHING = """
SELECT id, user_id, status, generation, options FROM import_sources
WHERE match_keys && CAST(:keys AS text[]) ORDER BY id FOR {lock}
"""
_MATCHING_TO_READ, _MATCHING_TO_CHANGE = (
    text(_MATCHING.format(lock=one)) for one in ("SHARE", "NO KEY UPDATE")
)
_STATE = text("""
UPDATE webhook_inbox SET state = :state, body = CASE WHEN :erase THEN NULL ELSE body END WHERE id = :inbox
""")
_HOLD = text("INSERT INTO webhook_held VALUES (:inbox, :account) ON CONFLICT DO NOTHING")
_RELEASE = text("DELETE FROM webhook_held WHERE inbox_id = :inbox AND account_id = :account RETURNING inbox_id")
_JOB = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, request)
SELECT CAST(:id AS uuid), CAST(:user AS uuid), :source, CAST(:account AS uuid), 'webhook',
    CASE WHEN :pushed THEN jsonb_build_object('received_at', received_at) ELSE '{}' END
FROM webhook_inbox WHERE id = :inbox ON CONFLICT (id) DO NOTHING
""")
_FORGOTTEN = text("""
SELECT id FROM webhook_inbox WHERE state = 'stored' AND received_at < now() - interval '30 seconds'
ORDER BY received_at LIMIT 100
""")

log = structlog.get_logger()


async def resolve(kit: Kit, inbox: UUID, account: UUID | None = None) -> None:
    """See to a delivery; with an account, to what is held of it for that one.

    Done again, it changes nothing.
    """
    async with kit.relay.transaction() as transaction:
        connection = transaction.connection
        row = (await connection.execute(_FIND, {"inbox": inbox})).one_or_none()
        if row is None or row.body is None or (account is None and row.state != "stored"):
            return
        notice = _read(kit, row.body)
        if account is not None:
            outcomes = [await _replay(kit, transaction, inbox, account, notice)]
        else:
            outcomes = [
                await _see_to(kit, transaction, inbox, found, notice)
                for found in await _whose(transaction, row.account_id, notice)
            ]
            state = "resolved" if "resolved" in outcomes else "held" if "held" in outcomes else "unknown"
            values = {"inbox": inbox, "state": state, "erase": state == "unknown"}
            await connection.execute(_STATE, values)
    for outcome in outcomes or ["unknown"]:
        metrics.WEBHOOKS.labels(kit.name, outcome).inc()
    log.info("webhook.resolved", inbox=str(inbox), outcomes=outcomes)


async def resolve_forgotten(kit: Kit) -> None:
    """Deliveries whose message got lost."""
    async with kit.engine.connect() as connection:
        found = list(await connection.scalars(_FORGOTTEN))
    for inbox in found:
        try:
            await resolve(kit, inbox)
        except Exception:
            log.exception("webhook.not_resolved", inbox=str(inbox))  # the others are seen to


def _read(kit: Kit, body: bytes) -> Notice:
    """What the connector makes of it; of junk nothing."""
    assert kit.connector.webhook is not None, "a source with webhooks reads them"
    try:
        decoded = json.loads(body)
        return kit.connector.webhook(decoded) if isinstance(decoded, dict) else Notice()
    except Exception as error:
        log.warning("webhook.unreadable", error=type(error).__name__)
        return Notice()


async def _whose(transaction: Transaction, account: UUID | None, notice: Notice) -> list[Any]:
    if account is not None:
        return list(await transaction.connection.execute(_NAMED, {"account": account}))
    matching = _MATCHING_TO_CHANGE if notice.deauthorized else _MATCHING_TO_READ
    return list(await transaction.connection.execute(matching, {"keys": list(notice.keys)}))


async def _see_to(kit: Kit, transaction: Transaction, inbox: UUID, account: Any, notice: Notice) -> str:
    """One account: `resolved`, `held`, or `ignored` where it is disconnected."""
    if account.status == "disconnected":
        return "ignored"
    if notice.deauthorized:
        await kit.accounts.disconnect(transaction, account.id, WITHDRAWN)
        return "resolved"
    if account.status != "active":
        await transaction.connection.execute(_HOLD, {"inbox": inbox, "account": account.id})
        return "held"
    if notice.items:
        await _admit(kit, transaction, inbox, account, notice, body=inbox)
    return "resolved"


async def _replay(kit: Kit, transaction: Transaction, inbox: UUID, account: UUID, notice: Notice) -> str:
    """What was held for an account that may be active again."""
    found = (await transaction.connection.execute(_NAMED, {"account": account})).one_or_none()
    if found is None or found.status != "active":
        return "held"
    released = await transaction.connection.scalar(_RELEASE, {"inbox": inbox, "account": account})
    if released is not None and notice.items:
        await _admit(kit, transaction, inbox, found, notice, body=None)
    return "replayed"


async def _admit(
    kit: Kit, transaction: Transaction, inbox: UUID, account: Any, notice: Notice, *, body: UUID | None
) -> None:
    """A live job of its own; where the items were seen to before, it finds that out."""
    job = uuid5(inbox, str(account.id))
    values = {"id": job, "user": account.user_id, "source": kit.name, "account": account.id}
    # What was held says nothing about how long a push takes.
    await transaction.connection.execute(_JOB, {**values, "inbox": inbox, "pushed": body is not None})
    place = Place(job, account.id, account.generation, account.options or {}, live=True)
    await admission.admit(transaction.connection, place, kit.fetching, notice.items, last=True, inbox=body)
    transaction.emit(kit.messages.discovery_ended(job, account.user_id))
