"""Signing in, up and out; settings."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from callvault.clients import http_client
from tests.browser.hub import Hub, Person

NOTE_THEME_OF_FIRST_BODY = """
new MutationObserver((_, seen) => {
  if (!document.body) return;
  window.themeOfFirstBody = document.documentElement.dataset.theme;
  seen.disconnect();
}).observe(document, { childList: true, subtree: true });
"""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def enter(page: Page, email: str, password: str, button: str) -> None:
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name=button).click()


async def test_an_account_is_made_signed_out_and_in_again(hub: Hub, browser: Browser) -> None:
    email, password = f"{uuid4().hex[:10]}@example.com", "correct horse battery"
    async with hub.stranger(browser) as person:
        page = await person.open("/calls")
        await expect(page).to_have_url(re.compile("/sign-in"))
        await page.get_by_role("link", name="Make an account").click()
        await enter(page, "ada", "short", "Make account")
        await expect(page.get_by_text("Write your e-mail address")).to_be_visible()
        await expect(page.get_by_text("Take 10 characters or more.")).to_be_visible()
        await enter(page, email, password, "Make account")
        await expect(page).to_have_url(re.compile("/import$"))
        await page.get_by_role("button", name=f"Account: {email}").click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await expect(page).to_have_url(re.compile("/sign-in"))
        await person.open("/calls")
        await enter(page, email, "something else", "Sign in")
        await expect(page.get_by_role("alert")).to_have_text("E-mail address or password is wrong.")
        await enter(page, email, password, "Sign in")
        await expect(page).to_have_url(re.compile("/calls$"))


async def test_a_session_that_ends_leads_to_signing_in(person: Person) -> None:
    page = await person.open("/calls")
    await expect(page.get_by_text("No calls yet.")).to_be_visible()
    await person.caller.http.delete("/api/session")
    await page.get_by_role("link", name="Import", exact=True).click()
    await expect(page).to_have_url(re.compile("/sign-in"))


async def test_tokens_are_made_shown_once_used_and_deleted(person: Person, hub: Hub) -> None:
    page = await person.open("/settings")
    await page.get_by_role("button", name="Make token").click()
    await expect(page.get_by_role("alert")).to_contain_text("Give it a name")
    await page.get_by_label("Name", exact=True).fill("backup script")
    await page.get_by_role("button", name="Make token").click()
    token = await page.locator("code").inner_text()
    assert token.startswith("cv_")
    headers = {"Authorization": f"Bearer {token}"}
    async with http_client(hub.live.url, headers=headers) as program:
        assert (await program.get("/api/me")).json()["id"] == str(person.caller.id)
        row = page.get_by_role("list", name="Your tokens").get_by_role("listitem")
        await expect(row).to_contain_text("backup script")
        await page.reload()
        assert token not in await page.content()
        await row.get_by_role("button", name="Delete").click()
        await row.get_by_role("button", name="Really delete").click()
        await expect(row).to_have_count(0)
        assert (await program.get("/api/me")).status_code == 401


async def test_a_chosen_theme_stays_and_is_there_before_the_first_paint(person: Person) -> None:
    page = await person.open("/settings")
    body = "getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(body)
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(body)
    assert light != dark
    await page.get_by_label("Light").check()
    assert await page.evaluate(body) == light
    await page.add_init_script(NOTE_THEME_OF_FIRST_BODY)
    await page.reload()
    assert await page.evaluate("themeOfFirstBody") == "light"
    await page.get_by_label("The system's choice").check()
    assert await page.evaluate(body) == dark


async def test_names_and_terms_are_kept_and_what_is_too_long_is_said(person: Person) -> None:
    page = await person.open("/settings")
    field = page.get_by_label("One a line, the most important first")
    await field.fill("  CallVault \nDr.  Nguyen\n" + "x" * 61)
    await expect(page.get_by_role("alert")).to_contain_text("is too long. Take 60 characters at most.")
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await field.fill("  CallVault \nDr.  Nguyen\ncallvault\n")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="Saved 2 terms")).to_be_visible()
    answer = await person.caller.http.get("/api/vocabulary")
    assert answer.json() == {"terms": ["CallVault", "Dr. Nguyen"]}
    await page.reload()
    await expect(field).to_have_value("CallVault\nDr. Nguyen")
