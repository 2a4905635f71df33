"""Failed imports by cause: details, retries of one, of a cause, of all; reconnecting; dismissing; the month's end."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.hub import Hub, Person
from tests.browser.rows import Past

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_failures_are_grouped_by_cause_with_each_call_its_sentence_and_time(
    person: Person, hub: Hub
) -> None:
    past = Past(hub.live, person.caller.id)
    account = await past.account("zoom", "ada@work.example", "error", reason="reconnect_needed")
    await past.failed("zoom", 41, "reconnect_needed", "Zoom asks you to sign in again.", account=account)
    await past.failed("file_upload", 2, "no_audio_track", "The video has no sound.", retryable=False)
    page = await person.open()
    causes = page.get_by_role("list", name="Causes").locator("> li")
    await expect(causes.nth(0)).to_contain_text("41 calls: Zoom asks you to sign in again.")
    await expect(causes.nth(0).get_by_role("button", name="Reconnect and retry 41")).to_be_visible()
    await expect(causes.nth(1)).to_contain_text("2 calls: The video has no sound.")
    await expect(causes.nth(1).get_by_role("button", name=re.compile("^Retry"))).to_have_count(0)
    await causes.nth(1).get_by_role("button", name="Details").click()
    item = causes.nth(1).get_by_role("list", name="Failed calls").get_by_role("listitem").first
    await expect(item).to_contain_text("The video has no sound. 2 hours ago")
    await causes.nth(0).get_by_role("button", name="Reconnect and retry 41").click()
    await page.get_by_role("button", name="Allow").wait_for()


async def test_one_is_retried_or_dismissed_and_then_the_others(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    await past.failed("file_upload", 3, "engine_unavailable", "The transcription engine does not answer.")
    page = await person.open()
    panel = page.locator("#failed")
    await panel.get_by_role("button", name="Details").click()
    await panel.get_by_role("button", name="Dismiss Weekly review 2").click()
    await expect(panel).to_contain_text("2 calls: The transcription engine does not answer.")
    async with page.expect_response(re.compile(r"/api/failures/[0-9a-f-]+/retry")) as answer:
        await panel.get_by_role("button", name="Retry Weekly review 1").click()
    assert (await answer.value).status == 202
    async with page.expect_response(re.compile("/api/failures/retry")) as together:
        await panel.get_by_role("button", name=re.compile("Retry all")).click()
    assert (await together.value).status == 202
    await expect(person.toast("Retrying")).to_be_visible()


async def test_a_cause_is_retried_or_dismissed_together(person: Person, hub: Hub) -> None:
    past = Past(hub.live, person.caller.id)
    await past.failed("file_upload", 2, "no_speech", "Nobody speaks in this recording.", retryable=False)
    await past.failed("file_upload", 5, "engine_unavailable", "The transcription engine does not answer.")
    page = await person.open()
    async with page.expect_response(re.compile("/api/failures/retry")) as answer:
        await page.get_by_role("button", name="Retry 5 calls").click()
    assert (await answer.value).request.post_data_json["code"] == "engine_unavailable"
    await person.put_away("Retrying 5 calls")
    await page.get_by_role("button", name="Dismiss 2 calls").click()
    await expect(person.toast("Dismissed 2 calls")).to_be_visible()
    await expect(page.get_by_text("Nobody speaks")).to_have_count(0)


async def test_the_month_and_what_happens_at_its_limit(hub: Hub, browser: Browser) -> None:
    async with hub.person(browser, plan="free") as person:
        past = Past(hub.live, person.caller.id)
        await past.used(7)
        page = await person.open()
        await expect(page.get_by_text("7 of 10 imports used this month")).to_be_visible()
        await past.used(10)
        await past.account("fathom", "ada@example.com")
        await past.failed("file_upload", 1, "quota_exceeded", "This month's imports are used up.")
        await page.reload()
        await expect(page.get_by_text("10 of 10 imports used this month")).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text="are free again on 1")).to_be_visible()
        await expect(person.card("Fathom")).to_have_attribute("data-status", "limit")
        await expect(
            page.locator("#failed").get_by_role("button", name=re.compile("Retry on 1"))
        ).to_have_attribute("aria-disabled", "true")
