"""YouTube: links checked as typed, a row at once, its title once the connector has read it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.hub import Person
from tests.support.sources import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

GOOD, MACHINE, SILENT = "kQ3vLw8Zx_A", "pT0dR5nY-2c", "o6XNiVt8_Bs"


async def test_links_are_checked_as_they_are_typed(person: Person) -> None:
    page = await person.open()
    field, button = (
        page.get_by_label("Paste one or more links"),
        page.get_by_role("button", name="Import", exact=True),
    )
    await expect(button).to_be_disabled()
    await field.fill("https://vimeo.com/1")
    await expect(page.get_by_role("alert")).to_have_text("https://vimeo.com/1: this is not a link to YouTube.")
    await expect(button).to_be_disabled()
    await field.fill(f"youtu.be/{GOOD}\nhttps://www.youtube.com/watch?v={MACHINE}")
    await expect(page.get_by_text("2 links, ready to import")).to_be_visible()
    await expect(button).to_be_enabled()


async def test_a_link_has_its_row_at_once_and_its_title_when_it_was_read(person: Person, world: World) -> None:
    await world.fault(on="youtube.oembed", delay=2)
    page = await person.open()
    await page.get_by_label("Paste one or more links").fill(f"https://youtu.be/{GOOD}")
    await page.get_by_role("button", name="Import", exact=True).click()
    rows = page.get_by_role("list", name="YouTube links").get_by_role("listitem")
    await expect(rows).to_contain_text(f"https://youtu.be/{GOOD}")
    videos = (await world.look("meetings", source="youtube"))["meetings"]
    title = next(one["title"] for one in videos if one["video"] == GOOD)
    await expect(rows).to_contain_text(title)
    await expect(rows).to_contain_text("In your library", timeout=60_000)
    await expect(person.card("YouTube")).to_contain_text("1 call")
    await rows.get_by_role("link", name="Open").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)


async def test_a_video_without_words_says_what_helps(person: Person) -> None:
    page = await person.open()
    await page.get_by_label("Paste one or more links").fill(f"https://youtu.be/{SILENT}")
    await page.get_by_role("button", name="Import", exact=True).click()
    row = page.get_by_role("list", name="YouTube links").get_by_role("listitem").first
    await expect(row).to_contain_text("Transcribe videos without captions", timeout=60_000)
