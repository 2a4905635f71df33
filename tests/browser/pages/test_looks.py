"""Every page in every state: nothing stands out, axe finds nothing, and a picture to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.hub import WIDE, Hub, Person
from tests.browser.rows import Past
from tests.browser.survey import Scheme, survey

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

LONG = "A call with a very long title that goes on and on, about everything and nothing, and then about planning again"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def regular(hub: Hub, browser: Browser) -> AsyncIterator[Person]:
    """Somebody with something in every state."""
    async with hub.person(browser, plan="free") as person:
        past = Past(hub.live, person.caller.id)
        await past.account("fathom", "ada@example.com", webhook_id="w1")
        await past.account("fathom", "ada.long-name@a-company-with-a-long-name.example", "paused")
        broken = await past.account("zoom", "ada@work.example", "error", reason="reconnect_needed")
        await past.account("zoom", "ada@old.example", "disconnected")
        await past.account("otter", "ada@otter.example")
        await past.failed("zoom", 41, "reconnect_needed", "Zoom asks you to sign in again.", account=broken)
        await past.failed(
            "file_upload", 2, "no_audio_track", "The video has no sound.", retryable=False, title="demo.mov"
        )
        await past.failed(
            "file_upload", 1, "engine_unavailable", "The transcription engine does not answer.", title="a.mp3"
        )
        await past.calls(1, title=LONG)
        await past.calls(60)
        await past.used(9)
        yield person


Step = Callable[[Page], Awaitable[object]]


async def _look(person: Person, name: str, path: str, ready: str, step: Step | None = None) -> list[str]:
    """A page, once it is ready and a step was taken on it, at each width, light and dark; what is wrong with it."""
    whole = step in (None, unfold) and not path.startswith("/calls")

    async def see(page: Page, scheme: Scheme) -> list[str]:
        await page.set_viewport_size(WIDE)
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.goto(person.url + path)
        await page.locator(ready).first.wait_for()
        if step:
            await step(page)
        return await survey(page, name, scheme, whole=whole)

    light, dark = await asyncio.gather(see(person.page, "light"), see(await person.beside(), "dark"))
    return [*light, *dark]


def menu(of: str) -> Step:
    async def step(page: Page) -> None:
        await page.get_by_role("button", name=f"More for {of}").click()
        await page.get_by_role("menu").wait_for()

    return step


def dialog(of: str, item: str) -> Step:
    async def step(page: Page) -> None:
        await menu(of)(page)
        await page.get_by_role("menuitem", name=item).click()
        await page.locator("[data-slot=dialog-content]").wait_for()

    return step


async def unfold(page: Page) -> None:
    await page.get_by_role("button", name="Details of 41 calls").click()
    await page.get_by_role("list", name="Failed calls").wait_for()


async def add(page: Page) -> None:
    await page.get_by_role("button", name="Add source").first.click()
    await page.get_by_role("dialog").wait_for()


async def key(page: Page) -> None:
    await add(page)
    await page.get_by_role("button", name="Use a key for Fathom").click()
    await page.get_by_label("API key").wait_for()
    await page.get_by_role("button", name="Connect", exact=True).click()
    await page.get_by_role("alert").wait_for()


async def download(page: Page) -> None:
    await page.get_by_role("button", name="Download").click()
    await page.get_by_role("menu").wait_for()


async def wrong_link(page: Page) -> None:
    await page.get_by_label("Paste one or more links").fill("https://vimeo.com/1")
    await page.get_by_role("alert").wait_for()


CARDS = "section[data-status]"
FATHOM = "Fathom (ada@example.com)"
STATES: dict[str, tuple[str, str, Step | None]] = {
    "import": ("/import", "#failed", None),
    "import-failures": ("/import", "#failed", unfold),
    "import-wrong-link": ("/import", CARDS, wrong_link),
    "menu": ("/import", CARDS, menu(FATHOM)),
    "add-source": ("/import", CARDS, add),
    "key": ("/import", CARDS, key),
    "disconnect": ("/import", CARDS, dialog(FATHOM, "Disconnect")),
    "range": ("/import", CARDS, dialog(FATHOM, "Sync a date range")),
    "options": ("/import", CARDS, dialog(FATHOM, "Settings")),
    "calls": ("/calls", "ul[aria-label=Calls] li", None),
    "calls-found": ("/calls?q=audio", "mark", None),
    "calls-none": ("/calls?q=zzzz", "text=No call fits.", None),
    "call-unknown": (f"/calls/{UUID(int=7)}", "[role=alert]", None),
    "settings": ("/settings", "text=Make token", None),
    "nothing-here": ("/calls/a/b", "text=There is nothing here", None),
}


@pytest.mark.parametrize("state", STATES)
async def test_a_page_is_in_order_at_every_width_in_light_and_dark(regular: Person, state: str) -> None:
    path, ready, step = STATES[state]
    assert await _look(regular, state, path, ready, step) == []


async def test_a_call_is_in_order(regular: Person, hub: Hub) -> None:
    call = await Past(hub.live, regular.caller.id).calls(1, title="Release planning", turns=40)
    assert await _look(regular, "call", f"/calls/{call}", "ol li") == []
    assert await _look(regular, "call-download", f"/calls/{call}", "ol li", download) == []


async def test_pages_of_somebody_new_are_in_order(person: Person) -> None:
    assert await _look(person, "import-empty", "/import", CARDS) == []
    assert await _look(person, "calls-empty", "/calls", "text=No calls yet.") == []


async def test_signing_in_and_up_is_in_order(hub: Hub, browser: Browser) -> None:
    async with hub.stranger(browser) as person:
        assert await _look(person, "sign-in", "/import", "text=Sign in to CallVault") == []
        assert await _look(person, "sign-up", "/sign-in?new", "text=You have an account?") == []


async def test_what_is_loading_or_cannot_be_had_is_in_order(person: Person) -> None:
    async def see(page: Page, scheme: Scheme) -> list[str]:
        held, asked = asyncio.Event(), list[str]()

        async def hold(route: Route) -> None:
            asked.append(route.request.url)
            await held.wait()
            await route.abort()

        await page.route("**/api/sources", hold)
        await page.goto(person.url + "/import")
        await page.locator("ul[aria-label=Sources][aria-busy=true]").wait_for()
        wrong = await survey(page, "loading", scheme)
        held.set()
        await expect(page.get_by_role("alert")).to_contain_text("CallVault cannot be reached.", timeout=60_000)
        wrong += await survey(page, "unreachable", scheme)
        assert len(asked) == 4  # once, and three times more before it is said; then it stands
        await page.unroute("**/api/sources")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("list", name="Sources")).to_contain_text("Recordings from your disk")
        return wrong

    light, dark = await asyncio.gather(see(person.page, "light"), see(await person.beside(), "dark"))
    assert [*light, *dark] == []
    assert [one for one in person.complaints if "ERR_FAILED" not in one] == []
    person.complaints.clear()


async def test_a_call_with_gaps_and_a_month_that_is_used_up_are_in_order(hub: Hub, browser: Browser) -> None:
    async with hub.person(browser, plan="free") as person:
        past = Past(hub.live, person.caller.id)
        call = await past.calls(1, title="With gaps", turns=8)
        await past.gaps(call, (14, 20), (42, 55))
        await past.account("fathom", "ada@example.com")
        await past.used(10)
        assert await _look(person, "call-gaps", f"/calls/{call}", "text=Missing 0:14 to 0:20") == []
        assert await _look(person, "import-limit", "/import", "section[data-status=limit]") == []
