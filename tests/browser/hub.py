"""A person at the page: a signed-in user with a browser window, and what the stack knows of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect

from callvault.clients import http_client
from tests.support.eventually import eventually
from tests.support.live import Caller, Live

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
WIDE: ViewportSize = {"width": 1440, "height": 900}

# The machine may be busy with other tests.
expect.set_options(timeout=20_000)


def chromium() -> str | None:
    """The machine's; None where Playwright has one of its own."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Person:
    """Somebody at the page. `complaints` are the browser's: scripts that broke, what the policy refused."""

    caller: Caller
    context: BrowserContext
    page: Page
    url: str
    hub: Hub
    complaints: list[str] = field(default_factory=list)
    other: Page | None = None

    async def open(self, path: str = "/import") -> Page:
        """Go to a page of ours."""
        await self.page.goto(self.url + path)
        return self.page

    def card(self, name: str) -> Locator:
        """The cards whose name begins so."""
        return self.page.get_by_role("list", name="Sources").locator(f'section[aria-label^="{name}"]')

    def row(self, text: str) -> Locator:
        """The rows of files and links that say so."""
        return self.page.get_by_role("listitem").filter(has_text=text)

    def toast(self, text: str) -> Locator:
        """A message that came up."""
        return self.page.locator("[data-sonner-toast]").filter(has_text=text)

    async def put_away(self, text: str) -> None:
        """Close a message: it lies over what is below it for as long as the mouse is on it."""
        await self.toast(text).get_by_role("button", name="Close toast").click()
        await expect(self.toast(text)).to_have_count(0)

    async def connect(self, source: str, user: str) -> dict[str, Any]:
        """Behind the page's back, as far as a test is about something else; the account."""
        return await self.hub.connect(self.caller, source, user)

    async def beside(self) -> Page:
        """Another tab of the window, the same each time."""
        if self.other is None:
            self.other = await self.context.new_page()
            self.listen(self.other)
        return self.other

    def listen(self, page: Page) -> None:
        """Take note of what a tab complains of."""
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: _note(self, message))


@dataclass
class Hub:
    """The running stack, and where the sandbox plays the sources."""

    live: Live
    world: str

    @asynccontextmanager
    async def person(self, browser: Browser, plan: str = "unlimited", **window: Any) -> AsyncIterator[Person]:
        """A new user with a window; at its end nothing may have broken in it."""
        caller = await self.live.sign_up(plan)
        async with self.window(browser, caller, **window) as person:
            yield person
        await caller.http.aclose()

    @asynccontextmanager
    async def window(self, browser: Browser, caller: Caller, **window: Any) -> AsyncIterator[Person]:
        """A window of somebody who is signed in."""
        context = await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **window})
        cookies = [
            {"name": one.name, "value": one.value or "", "url": self.live.url}
            for one in caller.http.cookies.jar
        ]
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        person = Person(caller, context, page, self.live.url, self)
        person.listen(page)
        yield person
        await context.close()
        assert person.complaints == []

    @asynccontextmanager
    async def stranger(self, browser: Browser) -> AsyncIterator[Person]:
        """A window of somebody who is not signed in."""
        async with http_client(self.live.url) as http:
            nobody = Caller(UUID(int=0), http)
            async with self.window(browser, nobody) as person:
                yield person

    async def connect(self, caller: Caller, source: str, user: str) -> dict[str, Any]:
        """Connect an account and wait for its first sync."""
        answer = await caller.http.post(f"/api/sources/{source}/connect", json={})
        url = answer.json()["authorize_url"]
        consent = await caller.http.get(f"{url}&sandbox_consent=accept&sandbox_user={user}")
        await caller.http.get(consent.headers["location"])
        email = f"{user}@"

        async def synced() -> dict[str, Any] | None:
            accounts = (await caller.http.get(f"/api/sources/{source}")).json()["accounts"]
            own = next((one for one in accounts if (one["email"] or "").startswith(email)), None)
            return own if own and own["job"] and own["job"]["ended_at"] else None

        return await eventually(synced, within=90, every=0.2)


def _note(person: Person, message: ConsoleMessage) -> None:
    """Refused requests are part of some tests; what the policy refuses and what React warns of never is."""
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        person.complaints.append(message.text)
