"""Imports under way: how they look, and what is said of them."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.hub import Hub, Person
from tests.browser.rows import Past
from tests.browser.survey import survey
from tests.support.live import SPEECH
from tests.support.sources import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


async def test_work_under_way_is_in_order(person: Person, hub: Hub, world: World) -> None:
    """A sync that waits, one that has failed to connect, an upload, a transcription, a link, a message."""
    await person.connect("fathom", "maya")
    for n in range(3):
        await world.admin("meetings", source="fathom", host="maya", title=f"Limited {n}")
    limited = {"status": 429, "retry_after": {"kind": "seconds", "seconds": 300}}
    await world.fault(on="fathom.transcript", after=1, answer=limited)
    await world.fault(on="youtube.*", delay=60)
    await Past(hub.live, person.caller.id).refused("zoom")
    page = await person.open()
    fathom = person.card("Fathom")
    await fathom.get_by_role("button", name="Sync now").click()
    await page.locator("input[type=file]").set_input_files([SPEECH / "hiring.wav", SPEECH / "problems.json"])
    await page.get_by_label("Paste one or more links").fill("https://youtu.be/kQ3vLw8Zx_A")
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(fathom).to_contain_text("Fathom asks us to wait")
    await expect(person.card("Zoom")).to_contain_text("You did not allow the access")
    await expect(person.row("hiring.wav").first).to_contain_text("In your library", timeout=60_000)
    assert await survey(page, "work", "light", "dark", whole=True) == []
    await fathom.get_by_role("button", name="Cancel Fathom sync").click()
    await expect(person.toast("Fathom sync cancelled")).to_be_visible()
    assert await survey(page, "message", "light", "dark") == []


async def test_what_happens_is_said_to_screen_readers(person: Person, world: World) -> None:
    await person.connect("fathom", "maya")
    await world.admin("meetings", source="fathom", host="maya", title="Heard")
    await world.fault(on="fathom.*", delay=0.5)
    page = await person.open()
    card = person.card("Fathom")
    await card.get_by_role("button", name="Sync now").click()
    await expect(page.locator("[role=status][aria-live=polite]")).to_contain_text(re.compile("Fathom: Syncing"))
    await expect(person.toast("1 new call imported")).to_be_visible()
    assert await page.locator("section[aria-live=polite] [data-sonner-toast]").count() == 1
