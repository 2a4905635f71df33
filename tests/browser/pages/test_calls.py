"""The library: search, paging, a call's transcript, copying, downloads, history."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.hub import Hub, Person
from tests.browser.rows import Past
from tests.support.eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def found(person: Person, word: str, count: int) -> None:
    """Return once so many calls are found: they are made searchable a moment after they came in."""

    async def there() -> bool:
        answer = await person.caller.http.get("/api/recordings", params={"q": word})
        return len(answer.json()["recordings"]) == count

    await eventually(there, within=60, every=0.2)


async def test_calls_are_listed_found_and_filtered(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    await past.calls(3, title="Planning")
    await past.calls(2, source="zoom", title="Retrospective")
    await found(person, "retro", 2)
    page = await person.open("/calls")
    rows = page.get_by_role("list", name="Calls").get_by_role("listitem")
    await expect(rows).to_have_count(5)
    await expect(rows.first).to_contain_text(
        re.compile(r"(Planning|Retrospective) 1.*(Fathom|Zoom).*1:01", re.DOTALL)
    )
    await page.get_by_label("Search titles and transcripts").fill("retro")
    await expect(rows).to_have_count(2)
    await expect(rows.first.locator("mark")).to_have_text("Retro")
    await expect(page).to_have_url(re.compile("q=retro"))
    await page.get_by_label("Search titles and transcripts").fill("")
    await page.get_by_label("Source").select_option("Zoom")
    await expect(rows).to_have_count(2)
    await page.reload()
    await expect(rows).to_have_count(2)
    await page.get_by_label("Search titles and transcripts").fill("nothing of the kind")
    await expect(page.get_by_text("No call fits.")).to_be_visible()


async def test_transcripts_are_searched_too(person: Person, hub: Hub) -> None:
    await Past(hub.live, person.caller.id).calls(2)
    await found(person, "audio", 2)
    page = await person.open("/calls?q=audio")
    rows = page.get_by_role("list", name="Calls").get_by_role("listitem")
    await expect(rows).to_have_count(2)
    await expect(rows.first.locator("mark")).to_have_text("audio")


async def open_call(person: Person, hub: Hub, turns: int = 4, title: str = "Release") -> Page:
    call = await Past(hub.live, person.caller.id).calls(1, title=title, turns=turns)
    return await person.open(f"/calls/{call}")


async def test_a_call_is_read_by_speaker_and_time_copied_and_downloaded(
    person: Person, hub: Hub, tmp_path: Path
) -> None:
    await person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await open_call(person, hub)
    first = page.get_by_role("listitem").filter(has_text="Shall we begin?").first
    await expect(first).to_contain_text("Ada")
    await expect(first).to_contain_text("0:00")
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith("[0:00] Ada: Shall we begin?")
    for kind, ending, begins in (("Text", "txt", ""), ("Subtitles", "vtt", "WEBVTT"), ("Data", "json", "{")):
        await page.get_by_role("button", name="Download").click()
        async with page.expect_download() as download:
            await page.get_by_role("menuitem", name=kind).click()
        file = tmp_path / f"call.{ending}"
        await (await download.value).save_as(file)
        assert (await download.value).suggested_filename.endswith(f".{ending}")
        assert file.read_text().lstrip().startswith(begins)
        assert "Shall we begin?" in file.read_text()
    assert json.loads((tmp_path / "call.json").read_text())["title"] == "Release 1"


async def test_a_call_tells_how_it_came_in(person: Person) -> None:
    account = await person.connect("fathom", "tom")
    assert account["count"] > 0
    page = await person.open("/calls")
    await page.get_by_role("list", name="Calls").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", name="Import history")).to_be_visible()
    await expect(
        page.get_by_text("Imported when its source was connected (tom@larkfield.example)")
    ).to_be_visible()
    link = page.get_by_role("link", name=re.compile("Open at Fathom"))
    await expect(link).to_have_attribute("rel", re.compile("noopener"))


async def test_what_was_said_is_never_html(person: Person, hub: Hub) -> None:
    page = await open_call(person, hub, title="<img src=x onerror=alert(1)><b>bold</b>")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("<b>bold</b>")
    assert await page.locator("h1 b, h1 img").count() == 0


async def test_somebody_elses_call_is_none(person: Person, hub: Hub) -> None:
    other = await hub.live.sign_up()
    call = await Past(hub.live, other.id).calls(1)
    page = await person.open(f"/calls/{call}")
    await expect(page.get_by_role("alert")).to_have_text("There is no such call in your library.")


async def test_what_is_missing_in_a_call_is_said_and_asked_for_again(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    call = await past.calls(1)
    await past.gaps(call, (720, 960), (1800, 1860))
    page = await person.open(f"/calls/{call}")
    await expect(page.get_by_text("Missing 12:00 to 16:00, 30:00 to 31:00.")).to_be_visible()
    async with page.expect_response(re.compile("/gaps/retry$")) as answer:
        await page.get_by_role("button", name="Retry 2 gaps").click()
    problem = await (await answer.value).json()
    assert problem["code"] == "gaps_gone"  # their sound was never here
    await expect(person.toast(problem["detail"])).to_be_visible()
