"""Live state: it comes by itself, survives a cut, and is not asked for again and again. The policy holds."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Request, expect

from tests.browser.hub import Hub, Person
from tests.support.eventually import eventually
from tests.support.sources import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_a_cut_heals_by_itself_and_nothing_is_lost(person: Person, hub: Hub, world: World) -> None:
    account = await person.connect("fathom", "tom")
    for n in range(6):
        await world.admin("meetings", source="fathom", host="tom", title=f"During the cut {n}")
    await world.fault(on="fathom.transcript", delay=1)
    page = await person.open()
    card = person.card("Fathom")
    await card.get_by_role("button", name="Sync now").click()
    await expect(card).to_have_attribute("data-status", "syncing")
    killed = hub.live.process("ingest-gateway")["pid"]
    await hub.live.kill("ingest-gateway")
    await expect(page.get_by_text("The connection is lost.")).to_be_visible()
    await hub.live.back("ingest-gateway", killed)
    await expect(page.get_by_text("The connection is lost.")).to_have_count(0)
    await expect(person.toast("Fathom sync complete: 6 new calls imported")).to_be_visible(timeout=60_000)
    await expect(card).to_contain_text(f"{account['count'] + 6} calls")


async def test_a_quiet_page_asks_for_nothing(person: Person) -> None:
    page = await person.open()
    await expect(person.card("Files")).to_be_visible()
    await page.wait_for_load_state("load")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/" in request.url:  # scripts that come when there is time for them are none of it
            asked.append(request.url)

    page.on("request", note)
    await page.wait_for_timeout(3000)
    assert asked == []


async def test_an_account_connected_elsewhere_appears_by_itself(person: Person) -> None:
    await person.open()
    await expect(person.card("Files")).to_be_visible()
    await expect(person.card("Zoom")).to_have_count(0)
    await person.connect("zoom", "maya")
    await expect(person.card("Zoom")).to_contain_text("maya@")


async def test_the_policy_is_strict_and_nothing_needs_an_exception(person: Person) -> None:
    answer = await person.page.goto(f"{person.url}/import")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert re.search(r"script-src 'self' 'wasm-unsafe-eval'(;|$)", policy)
    assert re.search(r"style-src 'self'(;|$)", policy)
    await person.page.get_by_role("button", name="Add source").first.click()
    await person.page.get_by_role("dialog").wait_for()
    found = await person.page.evaluate("document.querySelectorAll('style, script:not([src])').length")
    assert found == 0

    async def quiet() -> bool:
        return person.complaints == []

    await eventually(quiet)
