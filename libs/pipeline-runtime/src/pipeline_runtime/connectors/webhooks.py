"""Our webhooks at the providers: registered after connecting, with the secret that they sign with."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text

from pipeline_runtime.connectors.keys import Undecipherable
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.settings import is_public
from pipeline_runtime.connectors.values import RegisteredWebhook
from pipeline_runtime.failures import ItemProblem

NO_ADDRESS = "no_public_address"
NOT_REGISTERED = "not_registered"
_UNDER_WAY = "registering"

_CLAIM = text(f"""
UPDATE import_sources SET webhook_note = '{_UNDER_WAY}'
WHERE id = (SELECT id FROM import_sources WHERE source_app = :source AND status = 'active'
              AND webhook_id IS NULL AND webhook_note IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
""")
_NOTE = text("UPDATE import_sources SET webhook_note = :note WHERE id = :account")
_REGISTERED = text("""
UPDATE import_sources SET webhook_id = :webhook, webhook_note = NULL
WHERE id = :account AND status <> 'disconnected' AND webhook_id IS NULL RETURNING id
""")
_SECRET = text("""
INSERT INTO webhook_secrets (id, source_app, account_id, secret) VALUES (:id, :source, :account, :secret)
""")
_APP_WIDE = text("SELECT id, secret FROM webhook_secrets WHERE source_app = :source AND account_id IS NULL")
_DROP = text("DELETE FROM webhook_secrets WHERE id = ANY(:ids)")

log = structlog.get_logger()


async def register_next(kit: Kit) -> bool:
    """Register for one account that has no webhook yet; False where none wants one."""
    register = kit.connector.register_webhook
    if register is None:
        return False
    async with kit.engine.begin() as connection:
        account = await connection.scalar(_CLAIM, {"source": kit.name})
    if account is None:
        return False
    if not (is_public(kit.settings.public_url) or kit.settings.allow_private_addresses):
        await _note(kit, account, NO_ADDRESS)
        return True
    try:
        made = await register(kit.http(account), _address(kit, account))
        await _keep(kit, account, made)
    except ItemProblem as problem:
        log.warning("webhook.not_registered", code=problem.code)
        await _note(kit, account, NOT_REGISTERED)
    except Exception:
        log.exception("webhook.not_registered")
        await _note(kit, account, NOT_REGISTERED)
    return True


async def keep_app_secret(kit: Kit) -> None:
    """The one secret of a source whose webhooks are configured by hand, as the environment has it now."""
    given = kit.source.webhook_secret
    if given is None:
        return
    secret = {"secret": given.get_secret_value()}
    async with kit.engine.begin() as connection:
        rows = list(await connection.execute(_APP_WIDE, {"source": kit.name}))
        stale = [row.id for row in rows if _opened(kit, row.secret) != secret]
        await connection.execute(_DROP, {"ids": stale})
        if len(stale) == len(rows):
            await connection.execute(_SECRET, _secret_values(kit, None, secret))


async def _keep(kit: Kit, account: UUID, made: RegisteredWebhook) -> None:
    async with kit.engine.begin() as connection:
        kept = await connection.scalar(_REGISTERED, {"account": account, "webhook": made.id})
        if kept is not None:
            await connection.execute(_SECRET, _secret_values(kit, account, {"secret": made.secret}))
    if kept is None and kit.connector.remove_webhook:  # disconnected meanwhile
        await kit.connector.remove_webhook(kit.http(account), made.id)


async def _note(kit: Kit, account: UUID, note: str) -> None:
    async with kit.engine.begin() as connection:
        await connection.execute(_NOTE, {"account": account, "note": note})


def _address(kit: Kit, account: UUID) -> str:
    scheme = kit.connector.manifest.webhook
    base = f"{kit.settings.public_url.rstrip('/')}/webhooks/{kit.name}"
    return f"{base}/{account}" if scheme and scheme.per_account else base


def _secret_values(kit: Kit, account: UUID | None, secret: dict[str, Any]) -> dict[str, Any]:
    return {"id": uuid4(), "source": kit.name, "account": account, "secret": kit.webhook_keys.encrypt(secret)}


def _opened(kit: Kit, stored: bytes) -> dict[str, Any] | None:
    try:
        return kit.webhook_keys.decrypt(stored)
    except Undecipherable:
        return None
