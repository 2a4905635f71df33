"""How accounts stand, and that everybody hears of it: each change raises the row's version."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_runtime.connectors.messages import Messages
from pipeline_runtime.failures import RECONNECT_NEEDED
from pipeline_runtime.outbox import Relay, Transaction

_CHANGE = """
UPDATE import_sources SET status = '{status}', is_active = {is_active}, reason = :reason, version = version + 1,
    generation = generation + {disconnections}
WHERE id = :account AND {rule}
RETURNING id, user_id, source_app, version, status, reason, email, generation
"""
_STANDS = "status = 'active' AND generation = :generation"
_IS_LOST = f"status = 'error' AND reason = '{RECONNECT_NEEDED.code}'"
_IS_THERE = "status <> 'disconnected'"
_IS_GONE = "status = 'disconnected'"
_LOSE = text(_CHANGE.format(status="error", is_active="true", disconnections=0, rule=_STANDS))
_RECOVER = text(_CHANGE.format(status="active", is_active="true", disconnections=0, rule=_IS_LOST))
_DISCONNECT = text(_CHANGE.format(status="disconnected", is_active="false", disconnections=1, rule=_IS_THERE))
_TELL = text(_CHANGE.format(status="disconnected", is_active="false", disconnections=0, rule=_IS_GONE))
_GENERATION = text("SELECT generation FROM import_sources WHERE id = :account AND status <> 'disconnected'")


class Accounts:
    """The accounts of one source."""

    def __init__(self, relay: Relay, messages: Messages) -> None:
        self.source = messages.source
        self._relay = relay
        self._messages = messages

    async def lost(self, account: UUID, generation: int) -> None:
        """The provider no longer lets us in: the card asks for a reconnection."""
        async with self._relay.transaction() as transaction:
            values = {"account": account, "reason": RECONNECT_NEEDED.code, "generation": generation}
            await self._change(transaction, _LOSE, values)

    async def recovered(self, account: UUID) -> None:
        """A token that was thought lost has come after all."""
        async with self._relay.transaction() as transaction:
            await self._change(transaction, _RECOVER, {"account": account, "reason": None})

    async def disconnect(self, transaction: Transaction, account: UUID, reason: str) -> None:
        """The user has withdrawn consent at the provider's: the same as here."""
        await self._change(transaction, _DISCONNECT, {"account": account, "reason": reason})

    async def tell_disconnected(self, transaction: Transaction, account: UUID, reason: str | None) -> None:
        """How the disconnection has gone."""
        await self._change(transaction, _TELL, {"account": account, "reason": reason})

    async def _change(self, transaction: Transaction, statement: object, values: dict[str, object]) -> None:
        row = (await transaction.connection.execute(statement, values)).one_or_none()  # type: ignore[call-overload]
        if row is not None:
            transaction.emit(self._messages.source_changed(row))


async def generation_of(connection: AsyncConnection, account: UUID) -> int | None:
    """The account's generation; None where it is disconnected or unknown."""
    found = await connection.scalar(_GENERATION, {"account": account})
    return None if found is None else int(found)
