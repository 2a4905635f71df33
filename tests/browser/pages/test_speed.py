"""What is loaded first, what moves while it loads, and how it scrolls with much in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.hub import Hub, Person
from tests.browser.rows import Past

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

MOST_BYTES = 250_000
STEPS = 60
_SCROLL = """async (steps) => {
  const bottom = document.documentElement.scrollHeight - innerHeight;
  for (let step = 1; step <= steps; step++) {
    scrollTo(0, (bottom * step) / steps);
    await new Promise(requestAnimationFrame);
  }
}"""
_WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
_WATCH = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
}"""


async def loaded(page: Page) -> dict[str, Any]:
    """Bytes of JavaScript that came over the line, by file."""
    entries = await page.evaluate(
        "performance.getEntriesByType('resource').map(({ name, encodedBodySize }) => [name, encodedBodySize])"
    )
    return {name: size for name, size in entries if re.search(r"\.js$", name)}


async def scrolled(page: Page) -> float:
    """How long the page works for a frame while it is scrolled from top to bottom, in milliseconds.

    Not how often there are frames: without a graphics card, and beside other tests, that tells of the machine.
    """
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")

    async def worked() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return float(sum(one["value"] for one in metrics if one["name"] in _WORK))

    before = await worked()
    await page.evaluate(_SCROLL, STEPS)
    spent = await worked() - before
    await session.detach()
    return spent * 1000 / STEPS


async def test_the_first_load_is_small(person: Person) -> None:
    page = await person.open()
    await expect(person.card("Files")).to_be_visible()
    scripts = await loaded(page)
    assert 50_000 < sum(scripts.values()) < MOST_BYTES, scripts
    names = " ".join(scripts)
    assert not re.search("calls-page|forms|hasher|sender|settings", names)


async def test_what_a_page_needs_is_asked_for_once(person: Person) -> None:
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url.removeprefix(person.url)))
    for path, ready in (
        ("/import", "Drop recordings or folders"),
        ("/calls", "No calls yet."),
        ("/settings", "One a line"),
    ):
        asked.clear()
        page = await person.open(path)
        await expect(page.get_by_text(ready)).to_be_visible()
        await page.wait_for_load_state("load")
        answers = [one for one in asked if one.startswith("/api/")]
        assert len(answers) >= 4, path
        assert sorted(answers) == sorted(set(answers)), path


async def test_nothing_shifts_while_it_loads(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    for n in range(2):
        await past.account("fathom", f"ada{n}@example.com")
    await past.calls(200)
    await person.context.add_init_script(f"({_WATCH})()")
    for path, ready in (("/import", "section[data-status]"), ("/calls", "ul[aria-label=Calls] li")):
        page = await person.open(path)
        await page.locator(ready).first.wait_for()
        await page.wait_for_load_state("load")
        assert await page.evaluate("window.shifted") < 0.05, path


async def test_fifty_sources_and_ten_thousand_calls_scroll_as_a_few_do(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    await past.calls(500, title="Early")
    page = await person.open("/calls")
    await expect(page.get_by_text("500 calls")).to_be_visible()
    few = await scrolled(page)
    for n in range(50):
        await past.account("fathom", f"ada{n}@example.com")
    await past.calls(9_500)
    await person.open()
    await expect(person.card("Fathom")).to_have_count(50)
    assert await scrolled(page) < 2 * few
    await person.open("/calls")
    await expect(page.get_by_text("10\u202f000 calls")).to_be_visible()
    assert await scrolled(page) < 2 * few
    assert await page.get_by_role("list", name="Calls").get_by_role("listitem").count() < 80
