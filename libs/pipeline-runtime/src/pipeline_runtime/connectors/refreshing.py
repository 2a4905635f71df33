"""Refreshing: one process at a time, and no answer that a provider gave is ever thrown away.

Refresh tokens are spent by their use. A lease keeps others from starting; whoever has the answer
stores it, lease or no lease, if the row still holds what was spent for it. A refused token counts
only if the row still holds it a lease later: whoever was stopped meanwhile may have the next one.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime import metrics
from pipeline_runtime.connectors import credentials
from pipeline_runtime.connectors.accounts import Accounts
from pipeline_runtime.connectors.credentials import Credential
from pipeline_runtime.connectors.keys import KeyRing, Undecipherable
from pipeline_runtime.connectors.settings import Times
from pipeline_runtime.connectors.tokens import (
    AnswerLost,
    ClientRefused,
    GrantRefused,
    TokenEndpoint,
    TokensBusy,
)
from pipeline_runtime.failures import (
    CLIENT_REFUSED,
    RECONNECT_NEEDED,
    SOURCE_UNAVAILABLE,
    ItemProblem,
    Transient,
)

_LOOK_SECONDS = 0.1

_LEASE = text("""
UPDATE source_credentials SET refresh_lease_until = now() + CAST(:lease AS interval), refresh_leased_by = :by
WHERE account_id = :account AND number = :number
  AND (refresh_lease_until IS NULL OR refresh_lease_until <= now())
RETURNING number
""")
_SPENT = text("""
UPDATE source_credentials SET spent_at = coalesce(spent_at, now())
WHERE account_id = :account AND number = :number
RETURNING spent_at <= now() - CAST(:lease AS interval)
""")
_RELEASE = text("""
UPDATE source_credentials SET refresh_lease_until = NULL, refresh_leased_by = NULL
WHERE account_id = :account AND number = :number AND refresh_leased_by = :by
""")

log = structlog.get_logger()


class ReconnectNeeded(ItemProblem):
    """The provider takes neither the token nor its refresh token any longer, or wants another consent."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(RECONNECT_NEEDED, detail)


class Refresher:
    """Gives out an account's present secret, renewed where that is due."""

    def __init__(
        self, engine: AsyncEngine, keys: KeyRing, endpoint: TokenEndpoint | None, times: Times,
        accounts: Accounts,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._keys = keys
        self._endpoint = endpoint
        self._times = times
        self._accounts = accounts
        self._id = uuid4()
        self._under_way: set[asyncio.Task[Credential]] = set()

    async def finish(self) -> None:
        """At the end: what was asked is answered and stored first."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def current(self, account: UUID) -> Credential:
        """The secret to use now. Raises ReconnectNeeded, Transient."""
        found = await self._find(account)
        renew_at = found.secret.get("renew_at")
        if renew_at is not None and renew_at <= time.time():
            return await self.renewed(found)
        return found

    async def renewed(self, stale: Credential) -> Credential:
        """The secret after this one, by us or by whoever else is at it. Raises ReconnectNeeded, Transient."""
        if self._endpoint is None or "refresh_token" not in stale.secret:
            raise ReconnectNeeded
        loop = asyncio.get_running_loop()
        give_up = loop.time() + 2 * self._times.token_timeout
        while True:
            found = await self._find(stale.account)
            if found.number != stale.number:
                return found
            if await self._leased(found):
                return await self._shielded(found)
            if loop.time() > give_up:
                raise Transient(SOURCE_UNAVAILABLE, retry_after=self._times.token_timeout)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _find(self, account: UUID) -> Credential:
        async with self._engine.connect() as connection:
            try:
                found = await credentials.find(connection, self._keys, account)
            except Undecipherable:
                log.error("credential.undecipherable", account=str(account))  # noqa: TRY400  no key in a trace
                raise ReconnectNeeded from None
        if found is None:
            raise ReconnectNeeded
        return found

    async def _leased(self, spent: Credential) -> bool:
        values = self._values(spent) | {"by": self._id, "lease": self._times.refresh_lease}
        async with self._engine.begin() as connection:
            return (await connection.execute(_LEASE, values)).one_or_none() is not None

    async def _shielded(self, spent: Credential) -> Credential:
        """Whoever asked may lose its task meanwhile; the answer is stored all the same."""
        asking = asyncio.create_task(self._refresh(spent))
        self._under_way.add(asking)
        asking.add_done_callback(self._ended)
        return await asyncio.shield(asking)

    def _ended(self, asking: asyncio.Task[Credential]) -> None:
        self._under_way.discard(asking)
        if not asking.cancelled():
            asking.exception()  # whoever waits is told; nobody may wait any longer

    async def _refresh(self, spent: Credential) -> Credential:
        assert self._endpoint is not None
        outcome = "lost"
        try:
            secret = await self._ask(self._endpoint, spent)
            outcome = "renewed"
        except GrantRefused:
            outcome = "refused"
            return await self._refused(spent)
        except ClientRefused as refused:
            outcome = "client_refused"
            log.error("client.refused", why=str(refused))  # noqa: TRY400  the sentence says it all
            await self._release(spent)
            raise Transient(CLIENT_REFUSED) from None
        except TokensBusy as busy:
            outcome = "busy"
            await self._release(spent)
            raise Transient(SOURCE_UNAVAILABLE, retry_after=busy.retry_after) from None
        except AnswerLost as lost:  # the lease stays: nobody spends it a third time before it ends
            log.warning("token.answer_lost", why=str(lost))
            raise Transient(SOURCE_UNAVAILABLE) from None
        finally:
            metrics.TOKEN_REFRESHES.labels(self._accounts.source, outcome).inc()
        await self._store(spent, secret)
        return await self._find(spent.account)

    async def _ask(self, endpoint: TokenEndpoint, spent: Credential) -> dict[str, object]:
        """Ask, and if the answer is lost ask once more: the provider may know its own answer again."""
        try:
            return await endpoint.refresh(spent.secret)
        except AnswerLost as lost:
            log.warning("token.asked_again", why=str(lost))
            return await endpoint.refresh(spent.secret)

    async def _store(self, spent: Credential, secret: dict[str, object]) -> None:
        """Whatever else is broken: an answer that is not stored is a connection lost."""
        while True:
            try:
                async with self._engine.begin() as connection:
                    stored = await credentials.store(connection, self._keys, spent, secret)
            except Exception as error:
                log.warning("token.not_stored", error=type(error).__name__)
                await asyncio.sleep(1)
            else:
                log.info("token.renewed", account=str(spent.account), stored=stored)
                break
        if stored:
            await self._accounts.recovered(spent.account)

    async def _refused(self, spent: Credential) -> Credential:
        """It counts a lease after it was first refused; until then somebody may bring the next one."""
        async with self._engine.begin() as connection:
            values = self._values(spent) | {"lease": self._times.refresh_lease}
            is_final = await connection.scalar(_SPENT, values)
        if is_final is None:  # another one is there already
            return await self._find(spent.account)
        if is_final:
            await self._release(spent)  # the next one is told the same, and need not wait for the lease's end
            raise ReconnectNeeded
        wait = self._times.refresh_lease + timedelta(seconds=0.5)
        raise Transient(SOURCE_UNAVAILABLE, retry_after=wait.total_seconds())

    async def _release(self, spent: Credential) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(_RELEASE, self._values(spent) | {"by": self._id})

    def _values(self, spent: Credential) -> dict[str, object]:
        return {"account": spent.account, "number": spent.number}
