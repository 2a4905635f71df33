"""The connector kit on its tables: what goes wrong in between, with a provider of the tests' own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.kit import SAMPLE, TICKET, Bench
from tests.support.ledger import add_recording, admit, end, item_of

from pipeline_contracts import FetchRequested
from pipeline_runtime.connectors import (
    Http,
    Item,
    Page,
    Record,
    RegisteredWebhook,
    closing,
    connecting,
    fetching,
    inbox,
    webhooks,
)
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.connectors.values import Account
from pipeline_runtime.failures import SOURCE_UNAVAILABLE, Transient
from pipeline_runtime.tasks import Task


async def test_a_call_that_is_opened_again_while_its_account_is_disconnected_waits_for_a_reconnection(
    bench: Bench,
) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada)
    job = await bench.job(account)
    await admit(bench.stack.owner, job, {"external_id": "call", "ticket": TICKET}, last=True)
    item = await end(bench.stack, job, "call", "failed", code="source_unavailable")
    await bench.stack.owner.execute("UPDATE import_sources SET status = 'disconnected', generation = 1")
    await bench.stack.owner.execute("SELECT * FROM reopen($1)", [item])
    await bench.hand(FetchRequested(job_id=job, account_id=account, trigger="retry", item_ids=(item,)))
    assert await bench.stack.owner.fetchval("SELECT count(*) FROM tasks") == 0  # nobody would ever take it
    [failed] = await bench.told("import.results")
    assert (failed["code"], failed["item_id"], failed["attempt"]) == ("reconnect_needed", str(item), 2)


async def test_a_job_that_was_to_look_again_ends_where_there_is_nothing_to_look_at(bench: Bench) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada)
    first = await bench.job(account, "webhook")
    await admit(bench.stack.owner, first, {"external_id": "call", "ticket": TICKET}, last=True)
    item = (await item_of(bench.stack, first, "call"))["id"]
    recording = await add_recording(bench.stack, first, "call")
    await bench.stack.owner.execute(
        "UPDATE sync_job_items SET status = 'imported', recording_id = $1, ended_at = now()", recording
    )
    job = await bench.job(account, "retry", {"revisit": str(item)})
    await bench.hand(FetchRequested(job_id=job, account_id=account, trigger="retry", item_ids=(item,)))
    ended = "SELECT discovery_ended_at IS NOT NULL FROM sync_jobs WHERE id = $1"
    assert await bench.stack.owner.fetchval(ended, job)
    assert str(job) in [one["job_id"] for one in await bench.told("import.results")]


async def test_what_postgres_takes_in_no_json_stops_neither_a_page_nor_a_webhook(bench: Bench) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada)
    rows = [
        {"id": "one", "title": "A\x00B", "more": {"x\x00": ["\x00", float("nan"), 1.5]}},
        {"id": "tw\x00o", "title": "C"},
        {"id": "three", "title": "D", "more": {"half": "\ud800"}},
    ]
    page = Page.read(
        rows,
        lambda row: Item(external_id=row["id"], title=row["title"], payload=row.get("more", {})),
        when="at",
    )
    assert [item.external_id for item in page.items] == ["one"]
    assert page.unreadable == [None, None]
    assert (page.items[0].title, page.items[0].payload) == ("AB", {"x": ["", None, 1.5]})

    delivery = uuid4()
    await bench.stack.owner.execute(
        "INSERT INTO webhook_inbox (id, source_app, account_id, delivery_id, body) VALUES ($1, 'sample', $2, 'd', $3)",
        delivery, account, json.dumps({"calls": ["good", "b\x00d"]}).encode(),
    )  # fmt: skip
    await inbox.resolve(bench.kit, delivery)
    assert await bench.stack.owner.fetchval("SELECT state FROM webhook_inbox") == "resolved"


async def test_who_finds_a_consent_gone_does_not_keep_the_next_one_from_finding_it(bench: Bench) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada)
    await bench.secret(account, access_token="a", refresh_token="r")
    await bench.stack.owner.execute("UPDATE source_credentials SET spent_at = now() - interval '1 hour'")
    bench.answer = lambda _: httpx.Response(400, json={"error": "invalid_grant"})
    stale = await bench.kit.refresher.current(account)
    for _ in range(3):  # each would otherwise wait for a lease that nobody uses, and be told something else
        with pytest.raises(ReconnectNeeded):
            await bench.kit.refresher.renewed(stale)


async def test_a_webhook_that_was_removed_is_forgotten_though_the_consent_could_not_be_given_back(
    bench: Bench,
) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada, status="disconnected", generation=1, webhook_id="hook")
    await bench.secret(account, access_token="a", refresh_token="r")

    async def remove(http: Http, webhook: str) -> None:
        bench.asked.append(f"removed {webhook}")

    kit = replace(bench.kit, connector=replace(bench.kit.connector, remove_webhook=remove))
    assert await closing.close_next(kit)
    assert bench.asked == ["removed hook", "POST /revoke"]
    assert (await bench.row(account))["webhook_id"] is None  # so that a reconnection has a new one made
    assert await bench.stack.owner.fetchval("SELECT count(*) FROM source_credentials") == 1


async def test_a_reconnection_in_the_middle_of_a_disconnection_keeps_its_own_consent(bench: Bench) -> None:
    ada = await bench.stack.person()
    account = await bench.account(ada, status="disconnected", generation=1, webhook_id="hook")
    await bench.secret(account, access_token="old")

    async def remove(http: Http, webhook: str) -> None:
        await bench.stack.owner.execute("UPDATE import_sources SET status = 'active'")
        await bench.secret(account, generation=1, access_token="new")

    kit = replace(bench.kit, connector=replace(bench.kit.connector, remove_webhook=remove))
    assert await closing.close_next(kit)
    assert bench.asked == []
    assert (await bench.kit.refresher.current(account)).secret == {"access_token": "new"}
    assert (await bench.row(account))["webhook_id"] is None


async def test_a_registration_that_failed_or_was_cut_off_is_tried_again_after_a_sync(bench: Bench) -> None:
    ada = await bench.stack.person()
    failing = True

    async def register(http: Http, url: str) -> RegisteredWebhook:
        if failing:
            raise Transient(SOURCE_UNAVAILABLE)
        return RegisteredWebhook("hook", "secret")

    async def pages(http: Http, window: Any) -> AsyncIterator[Page]:
        yield Page([])

    connector = replace(bench.kit.connector, register_webhook=register, pages=pages)
    kit = replace(bench.kit, connector=connector)
    account = await bench.account(ada)
    assert await webhooks.register_next(kit)
    assert (await bench.row(account))["webhook_note"] == "not_registered"
    assert not await webhooks.register_next(kit)
    failing = False
    cut_off = await bench.account(ada, webhook_note="registering", last_sync_at=(await now(bench)))
    for one in (account, cut_off):
        await bench.sync(kit, one)
        assert await webhooks.register_next(kit)
        assert (await bench.row(one))["webhook_id"] == "hook"


async def now(bench: Bench) -> Any:
    return await bench.stack.owner.fetchval("SELECT now()")


async def test_a_consent_that_was_given_is_stored_though_the_database_refuses_at_first(bench: Bench) -> None:
    ada = await bench.stack.person()
    bench.answer = lambda _: httpx.Response(200, json={"access_token": "a", "refresh_token": "r"})
    await bench.attempt(ada)
    await bench.stack.owner.execute(
        "CREATE FUNCTION fought_for() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('fights') < 3 THEN RAISE deadlock_detected; END IF; RETURN NEW; END $$"
    )
    await bench.stack.owner.execute("CREATE SEQUENCE fights")
    await bench.stack.owner.execute(f"GRANT USAGE ON SEQUENCE fights TO {SAMPLE}")
    await bench.stack.owner.execute(
        "CREATE TRIGGER fought_for BEFORE INSERT ON source_credentials FOR EACH ROW EXECUTE FUNCTION fought_for()"
    )

    async def account(http: Http) -> Account:
        return Account("ada")

    kit = replace(bench.kit, connector=replace(bench.kit.connector, account=account))
    assert await connecting.connect_next(kit)
    assert await bench.stack.owner.fetchval("SELECT status FROM connect_attempts") == "done"
    assert bench.asked == ["POST /token"]  # the code was spent once


async def test_a_record_that_is_none_is_an_answer_that_could_not_be_read_and_shows_no_word_of_it(
    bench: Bench,
) -> None:
    async def answer(http: Http, item: Item) -> Record:
        return Record(text="private words", title="private words" * 100)

    kit = replace(bench.kit, connector=replace(bench.kit.connector, fetch=answer))
    task = Task(1, kit.fetching, uuid4(), uuid4(), 0, uuid4(), 1, 1, TICKET)
    with pytest.raises(Transient) as raised:
        await fetching.fetch(kit, task)
    assert raised.value.code == "source_unreadable"
