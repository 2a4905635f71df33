"""Cards: connecting, syncing, waiting, cancelling, pausing, disconnecting; several accounts; new connectors."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from nacl.public import PrivateKey
from playwright.async_api import Locator, Page, expect

from pipeline_contracts import ConnectorManifest, Envelope, encode
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.settings import KafkaSettings
from tests.browser.hub import Hub, Person
from tests.browser.rows import Past
from tests.support.eventually import eventually
from tests.support.sources import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def begin(page: Page, source: str) -> None:
    """From the page to the source's consent page, in the same window."""
    await page.get_by_role("button", name="Add source").first.click()
    await page.get_by_role("button", name=f"Connect {source}").click()
    await page.get_by_role("button", name="Allow").wait_for()


async def allow(page: Page, user: str) -> None:
    """Consent, which leads back."""
    await page.get_by_label("Signed in as").select_option(user)
    await page.get_by_role("button", name="Allow").click()
    await page.wait_for_url("**/import")


async def choose(person: Person, card: Locator, item: str) -> None:
    """An item of a card's menu."""
    await card.get_by_role("button", name="More for").click()
    await person.page.get_by_role("menuitem", name=item).click()


async def test_a_newcomer_connects_a_source_and_its_calls_arrive_by_themselves(
    person: Person, world: World
) -> None:
    page = await person.open("/")
    await expect(page).to_have_url(re.compile("/import$"))
    assert len(page.context.pages) == 1
    await begin(page, "Fathom")
    await world.fault(on="fathom.transcript", delay=2)
    await allow(page, "tom")
    card = person.card("Fathom")
    await expect(card).to_have_attribute("data-status", "syncing")
    await expect(card).to_contain_text(re.compile(r"Syncing… \d+/\d+ calls"))
    await expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"\d+"))
    await expect(person.toast(re.compile(r"Fathom sync complete: \d+ new calls imported"))).to_be_visible()  # type: ignore[arg-type]
    await expect(card).to_contain_text("tom@larkfield.example")
    await expect(card).to_contain_text(re.compile(r"[1-9]\d* calls · pushed as they happen"))
    await expect(card).to_contain_text("Last sync just now")
    await expect(card.locator("time").first).to_have_attribute("title", re.compile(str(datetime.now(UTC).year)))
    assert len(page.context.pages) == 1
    await world.heal()
    await world.admin("meetings", source="fathom", host="tom", title="Pushed", webhooks=True)
    await expect(person.toast("Fathom sync complete: 1 new call imported")).to_be_visible()


async def test_who_says_no_is_told_so_and_may_try_again(person: Person) -> None:
    page = await person.open()
    await begin(page, "Zoom")
    await page.get_by_role("button", name="Deny").click()
    await page.wait_for_url("**/import")
    sentence = "You did not allow the access at Zoom. Try again if that was a mistake."
    await expect(person.toast("Zoom was not connected")).to_contain_text(sentence)
    card = person.card("Zoom")
    await expect(card).to_contain_text(sentence)
    await card.get_by_role("button", name="Try again").click()
    await page.get_by_role("button", name="Allow").wait_for()
    await allow(page, "tom")
    await expect(card).to_contain_text("tom@")


async def test_a_key_connects_too_and_a_wrong_one_is_said_on_the_card(person: Person) -> None:
    page = await person.open()
    for key, expected in (("no-such-key", "Fathom did not accept"), ("fathom-key-petra", "petra@")):
        await page.get_by_role("button", name="Add source").first.click()
        await page.get_by_role("button", name="Use a key for Fathom").click()
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_role("alert")).to_have_text("Paste the key here.")
        await page.get_by_label("API key").fill(key)
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(person.card("Fathom").first).to_contain_text(expected)
    assert "fathom-key-petra" not in await page.content()


async def test_a_wait_is_counted_down_and_a_sync_can_be_cancelled(person: Person, world: World) -> None:
    await person.connect("fathom", "maya")
    await world.admin("meetings", source="fathom", host="maya", title="Limited")
    limited = {"status": 429, "retry_after": {"kind": "seconds", "seconds": 40}}
    await world.fault(on="fathom.transcript", answer=limited)
    await person.open()
    card = person.card("Fathom")
    await card.get_by_role("button", name="Sync now").click()
    await expect(card).to_contain_text(re.compile(r"Fathom asks us to wait (3\d|40) s"))
    await card.get_by_role("button", name="Cancel Fathom sync").click()
    await expect(person.toast("Fathom sync cancelled")).to_be_visible()
    await expect(card.get_by_role("button", name="Sync now")).to_be_visible()


async def test_nothing_new_says_so(person: Person) -> None:
    await person.connect("fathom", "tom")
    await person.open()
    await person.card("Fathom").get_by_role("button", name="Sync now").click()
    await expect(person.toast("Fathom sync complete: Nothing new")).to_be_visible()


async def test_failures_are_counted_with_a_link_to_what_failed(person: Person, world: World) -> None:
    await person.connect("fathom", "tom")
    made = await world.admin("meetings", source="fathom", host="tom", title="Unreadable")
    refused = {"status": 422, "body": {"error": "no"}}
    rule = {"on": "fathom.*", "path": str(made["meetings"][0]["id"]), "answer": refused}
    assert (await world.http.post(f"{world.base}/admin/faults", json=rule)).status_code == 200
    await person.open()
    card = person.card("Fathom")
    await card.get_by_role("button", name="Sync now").click()
    toast = person.toast("1 failed")
    await expect(toast).to_be_visible()
    await toast.get_by_role("button", name="See what failed").click()
    await expect(person.page.locator("#failed")).to_contain_text("Unreadable")
    await expect(person.page).to_have_url(re.compile("#failed$"))


async def test_the_switch_pauses_and_resumes_and_never_disconnects(person: Person, world: World) -> None:
    account = await person.connect("fathom", "petra")
    await person.open()
    card = person.card("Fathom")
    switch = card.get_by_role("switch")
    await switch.click()
    await expect(card).to_have_attribute("data-status", "paused")
    await world.admin("meetings", source="fathom", host="petra", title="While away", webhooks=True)

    async def waits() -> bool:
        told = (await person.caller.http.get(f"/api/accounts/{account['id']}")).json()
        return bool(told["status"] == "paused" and told["waiting"] == 1)

    await eventually(waits)
    await person.page.reload()
    await expect(card).to_contain_text("1 call is waiting for you.")
    await switch.click()
    await expect(person.toast("1 new call imported")).to_be_visible()
    await expect(switch).to_be_checked()


async def test_disconnecting_asks_once_and_keeps_the_calls(person: Person) -> None:
    account = await person.connect("fathom", "ines")
    page = await person.open()
    card = person.card("Fathom, ines@")  # while it is connected anew, the attempt has a card too
    await choose(person, card, "Disconnect")
    asked = page.get_by_role("alertdialog")
    await expect(asked).to_contain_text("Disconnect Fathom?")
    await expect(asked).to_contain_text("Future syncs will stop. Your imported calls will be kept.")
    await asked.get_by_role("button", name="Disconnect").click()
    await expect(person.toast("Fathom disconnected")).to_contain_text("Your calls are yours.")
    await expect(card).to_have_attribute("data-status", "disconnected")
    await expect(card).to_contain_text(f"{account['count']} calls")
    await card.get_by_role("button", name="Reconnect").click()
    await allow(page, "ines")
    await expect(card).to_have_attribute("data-status", re.compile("active|syncing"))
    await expect(person.card("Fathom")).to_have_count(1)


async def test_an_account_that_was_shut_out_has_the_button_that_mends_it(person: Person, hub: Hub) -> None:
    account = await person.connect("zoom", "petra")
    await hub.live.rows(  # as the connector does it, a minute after the source has refused its token
        "UPDATE import_sources SET status = 'error', reason = 'reconnect_needed', version = version + 1 "
        "WHERE id = CAST($1 AS text)::uuid", account["id"],
    )  # fmt: skip
    page = await person.open()
    card = person.card("Zoom, petra@")  # beside it stands that of the new try, while it lasts
    await expect(card).to_contain_text("Zoom asks you to sign in again.")
    await expect(card).to_have_attribute("data-status", "error")
    await card.get_by_role("button", name="Reconnect").click()
    await allow(page, "petra")
    await expect(card).to_have_attribute("data-status", "active")


async def test_a_range_of_days_is_checked_and_synced(person: Person) -> None:
    await person.connect("zoom", "tom")
    page = await person.open()
    await choose(person, person.card("Zoom"), "Sync a date range")
    await page.get_by_label("First day").fill("2026-11-20")
    await page.get_by_label("Last day").fill("2026-11-01")
    await page.get_by_role("button", name="Sync", exact=True).click()
    await expect(page.get_by_role("alert")).to_have_text("The last day is before the first.")
    await page.get_by_label("First day").fill("2026-10-20")
    await page.get_by_role("button", name="Sync", exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(person.toast("Zoom sync complete")).to_be_visible()


async def test_accounts_of_one_source_each_have_a_card(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    for name in ("ada", "grace"):
        await past.account("fathom", f"{name}@example.com")
    await person.open()
    await expect(person.card("Fathom, ada@example.com")).to_be_visible()
    await expect(person.card("Fathom, grace@example.com")).to_be_visible()
    await expect(person.card("Files")).to_contain_text("Nothing imported yet")
    await expect(person.card("YouTube")).to_be_visible()


async def test_files_and_links_have_a_switch(person: Person) -> None:
    page = await person.open()
    for name, off in (("Files", "Files are switched off."), ("YouTube", "YouTube is switched off.")):
        switch = person.card(name).get_by_role("switch")
        await switch.click()
        await expect(page.get_by_text(off)).to_be_visible()
        await expect(person.card(name)).to_have_attribute("data-status", "paused")
        await switch.click()
        await expect(page.get_by_text(off)).to_have_count(0)


def manifest(source: str, **change: Any) -> ConnectorManifest:
    key = base64.b64encode(bytes(PrivateKey.generate().public_key)).decode()
    values = {
        "source": source, "name": source.capitalize(), "icon": "M4 4h16v16H4z", "connect": ("api_key",),
        "api_key_hint": "In the settings of Murmur", "public_key": key, "version": "1", "sent_at": datetime.now(UTC),
    }  # fmt: skip
    return ConnectorManifest.model_validate(values | change)


async def test_a_new_connector_is_there_without_a_change_to_the_page(person: Person, hub: Hub) -> None:
    page = await person.open()
    await expect(person.card("Files")).to_be_visible()
    source = f"murmur{uuid4().hex[:6]}"
    publisher = Publisher(KafkaSettings(kafka_bootstrap_servers=hub.live.kafka), app="tests")
    await publisher.start()
    told = manifest(source)
    await publisher.send(encode(told, key=source, envelope=Envelope(told.event_type, "/tests")))
    await publisher.stop()
    await expect(page.get_by_role("list", name="Sources")).to_contain_text(source.capitalize())
    await page.get_by_role("button", name="Add source").first.click()
    offer = page.get_by_role("dialog").get_by_role("listitem").filter(has_text=source.capitalize())
    await expect(offer).to_contain_text("In the settings of Murmur")
    await expect(offer.locator("svg path").first).to_have_attribute("d", "M4 4h16v16H4z")
