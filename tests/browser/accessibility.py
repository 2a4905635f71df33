"""What axe says of a page, and whether its layout holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

_AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async (runOnly) => {
  const { violations } = await axe.run(document, { runOnly, resultTypes: ['violations'] });
  return violations.map(({ id, nodes }) => ({
    id, nodes: nodes.map((node) => [node.target.join(' '), node.html.slice(0, 200), node.failureSummary].join(' | ')),
  }));
}"""
ALL = ("wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "color-contrast-enhanced", "link-in-text-block")
_OVERFLOW = """() => {
  const wide = [...document.querySelectorAll('body *')].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && getComputedStyle(one).position !== 'fixed';
  });
  return wide.map((one) => one.outerHTML.slice(0, 160));
}"""


async def violations(page: Page, rules: tuple[str, ...] = ALL) -> list[Any]:
    """Every one, of A, AA, AAA and good practice. Evaluated from outside: the page's policy lets no script in."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE.read_text())
    return list(await page.evaluate(_RUN, rules))


async def overflow(page: Page) -> list[Any]:
    """Whatever stands out to the right of the window, if the page can be scrolled there."""
    scrolls = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return list(await page.evaluate(_OVERFLOW)) if scrolls else []
