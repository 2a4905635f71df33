"""Whose budget a call is taken from."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from prometheus_client import generate_latest
from tests.support.kit import MANIFEST, Bench

from pipeline_runtime import metrics
from pipeline_runtime.connectors import Budget, Http, connecting
from pipeline_runtime.connectors.budgets import Budgets
from pipeline_runtime.connectors.values import Account
from pipeline_runtime.failures import Transient

ONE_AN_HOUR = Budget("few", 1, per=3600, scope="workspace")


async def accounts_of(bench: Bench, *workspaces: str | None) -> list[UUID]:
    return [await bench.account(await bench.stack.person(), workspace=one) for one in workspaces]


async def test_accounts_of_one_workspace_share_its_limits_and_its_refusals(bench: Bench) -> None:
    budgets = Budgets(bench.kit.engine, replace(MANIFEST, budgets=(ONE_AN_HOUR,)))
    first, second, elsewhere, unknown, another = await accounts_of(bench, "w", "w", "x", None, None)
    await budgets.debit("few", first, live=True)
    with pytest.raises(Transient) as raised:
        await budgets.debit("few", second, live=True)
    assert raised.value.code == "source_rate_limited"
    for one in (elsewhere, unknown, another):  # each has its own
        await budgets.debit("few", one, live=True)
    other = Budgets(bench.kit.engine, replace(MANIFEST, budgets=(replace(ONE_AN_HOUR, bucket="refused"),)))
    await other.block("refused", first, 600)
    with pytest.raises(Transient):
        await other.debit("refused", second, live=True)


async def test_a_connection_says_which_workspace_it_is_of(bench: Bench) -> None:
    bench.answer = lambda _: httpx.Response(200, json={"access_token": "a", "refresh_token": "r"})

    async def account(http: Http) -> Account:
        return Account("ada", workspace="their company")

    kit = replace(bench.kit, connector=replace(bench.kit.connector, account=account))
    await bench.attempt(await bench.stack.person())
    assert await connecting.connect_next(kit)
    assert await bench.stack.owner.fetchval("SELECT workspace FROM import_sources") == "their company"


def test_what_is_counted_begins_at_nought_so_that_a_rate_shows_the_first() -> None:
    metrics.begin_source("unhurried")
    metrics.begin_engine("unheard")
    shown = generate_latest().decode()
    assert 'callvault_source_wait_seconds_total{source="unhurried"} 0.0' in shown
    assert 'callvault_audio_seconds_total{engine="unheard"} 0.0' in shown
    assert 'callvault_engine_seconds_count{engine="unheard",outcome="ok"} 0.0' in shown
