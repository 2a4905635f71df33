"""An account's secret in the database: encrypted, numbered, and tied to a generation of the account.

A new secret is stored only over the very one that was spent for it (`number`), and only while the
account has not been disconnected since (`generation`); no lease has a say in that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_runtime.connectors.keys import KeyRing

_FIND = text("""
SELECT c.secret, c.number, c.generation FROM source_credentials c WHERE c.account_id = :account
""")
_STORE = text("""
UPDATE source_credentials c SET secret = :secret, number = c.number + 1, spent_at = NULL,
    refresh_lease_until = NULL, refresh_leased_by = NULL
FROM import_sources s
WHERE c.account_id = :account AND s.id = c.account_id AND c.number = :number AND c.generation = :generation
  AND (s.generation = :generation OR c.closing_since IS NOT NULL)
RETURNING c.number
""")
_PUT = text("""
INSERT INTO source_credentials AS c (account_id, source_app, secret, generation)
VALUES (:account, :source, :secret, :generation)
ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, generation = excluded.generation,
    number = c.number + 1, spent_at = NULL, refresh_lease_until = NULL, refresh_leased_by = NULL,
    closing_since = NULL, close_at = NULL
""")


@dataclass(frozen=True)
class Credential:
    """A secret as it was read: `secret` has access_token, refresh_token, expires_at, or api_key."""

    account: UUID
    number: int
    generation: int
    secret: dict[str, Any] = field(repr=False)


async def find(connection: AsyncConnection, keys: KeyRing, account: UUID) -> Credential | None:
    """The account's credential, None where it has been wiped. Raises Undecipherable."""
    row = (await connection.execute(_FIND, {"account": account})).one_or_none()
    if row is None:
        return None
    return Credential(account, row.number, row.generation, keys.decrypt(row.secret))


async def store(connection: AsyncConnection, keys: KeyRing, spent: Credential, secret: dict[str, Any]) -> bool:
    """Put the new secret in the place of the one that was spent; False where that is no longer there."""
    values = {"account": spent.account, "number": spent.number, "generation": spent.generation}
    stored = await connection.scalar(_STORE, values | {"secret": keys.encrypt(secret)})
    return stored is not None


async def put(
    connection: AsyncConnection, keys: KeyRing, *, account: UUID, source: str, generation: int,
    secret: dict[str, Any],
) -> None:  # fmt: skip
    """The first secret of an account, or of its reconnection."""
    values = {"account": account, "source": source, "generation": generation}
    await connection.execute(_PUT, values | {"secret": keys.encrypt(secret)})
