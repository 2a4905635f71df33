"""By keyboard alone, and by ear."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.hub import Hub, Person
from tests.browser.rows import Past

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def tab_to(page: Page, name: str, most: int = 40) -> None:
    """Press Tab until something of that name has the focus."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()"
        )
        if focused.startswith(name):
            return
    raise AssertionError(f"Tab never came to {name}")


async def test_everything_is_reached_and_left_by_keys(person: Person, hub: Hub) -> None:
    await Past(hub.live, person.caller.id).account("fathom", "ada@example.com")
    chosen = asyncio.Event()
    person.page.on("filechooser", lambda _: chosen.set())
    page = await person.open()
    await expect(person.card("Fathom")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Skip to the content")
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await tab_to(page, "Add source")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(":focus")).to_have_text("Add source")
    await tab_to(page, "Import from Fathom")
    await page.keyboard.press("Space")
    await expect(person.card("Fathom")).to_have_attribute("data-status", "paused")
    await tab_to(page, "More for Fathom")
    await page.keyboard.press("Enter")
    await page.keyboard.press("End")
    await expect(page.get_by_role("menuitem", name="Disconnect")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="More for Fathom")).to_be_focused()
    await tab_to(page, "Choose files")
    await page.keyboard.press("Enter")
    async with asyncio.timeout(20):
        await chosen.wait()


async def test_nothing_moves_where_less_motion_is_asked_for(person: Person) -> None:
    page = person.page
    await page.emulate_media(reduced_motion="reduce")
    await person.open()
    await page.get_by_role("button", name="Add source").first.click()
    await page.get_by_role("dialog").wait_for()
    assert await page.evaluate("document.getAnimations().length") == 0
