"""Webhooks, before it is known whose they are, by the intake role."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SECRETS_AT_MOST = 5

_SECRETS = text("""
SELECT secret FROM webhook_secrets
WHERE source_app = :source AND account_id IS NOT DISTINCT FROM CAST(:account AS uuid)
ORDER BY created_at DESC LIMIT :most
""")
_WITH_SECRET = text("SELECT DISTINCT source_app FROM webhook_secrets WHERE account_id IS NULL")
_STORE = text("""
INSERT INTO webhook_inbox (id, source_app, account_id, delivery_id, body, headers)
VALUES (:id, :source, :account, :delivery, :body, CAST(:headers AS jsonb))
ON CONFLICT ON CONSTRAINT each_delivery_once DO NOTHING
""")


async def find_secrets(connection: AsyncConnection, *, source: str, account: UUID | None) -> list[bytes]:
    """The encrypted webhook secrets of an account, or of the whole source; the newest first."""
    values = {"source": source, "account": account, "most": SECRETS_AT_MOST}
    return list((await connection.scalars(_SECRETS, values)).all())


async def list_sources_with_secret(connection: AsyncConnection) -> set[str]:
    """Sources that have one webhook secret for all accounts."""
    return set((await connection.scalars(_WITH_SECRET)).all())


async def store_delivery(
    connection: AsyncConnection, *, inbox: UUID, source: str, account: UUID | None, delivery: str,
    body: bytes, headers: dict[str, str],
) -> bool:  # fmt: skip
    """False where the delivery lies there already."""
    values = {
        "id": inbox, "source": source, "account": account, "delivery": delivery, "body": body,
        "headers": json.dumps(headers),
    }  # fmt: skip
    return (await connection.execute(_STORE, values)).rowcount == 1
