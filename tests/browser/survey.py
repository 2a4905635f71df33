"""A page as it stands, looked at from all sides: pictures, axe, and whether anything stands out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.async_api import Page

from tests.browser.accessibility import ALL, COLOURS, overflow, violations

SCREENSHOTS = Path(__file__).parent / "screenshots"
SIZES = {360: 740, 768: 1024, 1440: 900}
Scheme = Literal["light", "dark"]


async def survey(page: Page, name: str, *schemes: Scheme, whole: bool = False) -> list[str]:
    """The page as it stands, at each width, in each scheme."""
    wrong: list[str] = []
    for width, height in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        for scheme in schemes:
            rules = ALL if scheme == "light" else COLOURS  # the others tell the same in both
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            where = f"{name}-{width}-{scheme}"
            await _shot(page, where, whole=whole)
            wrong += [f"{where}: {one}" for one in await violations(page, rules)]
        wrong += [f"{name}-{width}: stands out: {one}" for one in await overflow(page)]
    return wrong


async def _shot(page: Page, name: str, *, whole: bool) -> None:
    """A picture for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.screenshot(
        path=SCREENSHOTS / f"{name}.jpg", type="jpeg", quality=85, full_page=whole, animations="disabled"
    )
