"""How sources stand, as the board shows it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from tests.support.gateway import Gateway

from ingest_gateway.census import Census

from .sources import source_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_accounts_and_webhooks_that_wait_are_counted_and_a_silent_connector_is_told(
    gateway: Gateway,
) -> None:
    source, away = await source_of(gateway), await source_of(gateway)
    person, owner = await gateway.stack.person(), gateway.stack.owner
    account = await source.account(person, status="paused")
    await source.account(await gateway.stack.person())
    inbox = "INSERT INTO webhook_inbox (id, source_app, delivery_id, state, received_at) "
    held = uuid4()
    await owner.execute(inbox + "VALUES ($1, $2, 'held', 'held', now())", held, source.name)
    await owner.execute(
        inbox + "VALUES ($1, $2, 'new', 'stored', now() - interval '1 hour')", uuid4(), source.name
    )
    await owner.execute("INSERT INTO webhook_held VALUES ($1, $2)", held, account)
    deps = gateway.app.state.deps
    silent = away.manifest.model_copy(update={"sent_at": away.manifest.sent_at.replace(year=2020)})
    deps.manifests._known[away.name] = silent
    await Census(deps.intake, deps.manifests).count()

    def shown(name: str, at: str = source.name, **labels: str) -> float:
        value = REGISTRY.get_sample_value(name, {"source": at, **labels})
        assert value is not None
        return value

    assert [shown("callvault_accounts", status=status) for status in ("paused", "active")] == [1, 1]
    assert (shown("callvault_source_running"), shown("callvault_source_running", away.name)) == (1, 0)
    assert (shown("callvault_webhooks_held"), shown("callvault_webhooks_held", away.name)) == (1, 0)
    assert shown("callvault_webhook_oldest_seconds") >= 3600
    assert shown("callvault_webhook_oldest_seconds", away.name) == 0
