"""Files: dropped, hashed, sent in pieces, resumed, refused, transcribed."""

from __future__ import annotations

import asyncio
import re
import secrets
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, expect

from tests.browser.hub import Hub, Person
from tests.support.live import SPEECH

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

UNDER_WAY = re.compile("Transcri|In your library|Waiting to be|Reading the sound|Nobody speaks")
SLOW = 400_000  # bytes a second


async def give(page: Page, *files: Path) -> None:
    """Choose files, as by the button."""
    await page.locator("input[type=file]").set_input_files(files)


def silences(folder: Path, count: int) -> list[Path]:
    """Recordings of 4 MB that nobody has seen before, and that cost the transcriber nothing."""
    made = []
    for n in range(count):
        with wave.open(str(folder / f"copy-{n}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(bytes(4_000_000 + 2 * secrets.randbelow(100_000)))
        made.append(folder / f"copy-{n}.wav")
    return made


def pieces(page: Page) -> list[Request]:
    """Requests that carry a file's bytes, as they go out."""
    seen: list[Request] = []
    page.on("request", lambda one: seen.append(one) if _carries_bytes(one) else None)
    return seen


def _carries_bytes(request: Request) -> bool:
    return request.method == "PATCH" or (request.method == "POST" and request.url.endswith("/api/uploads"))


@asynccontextmanager
async def slow_line(page: Page, rate: int = SLOW) -> AsyncIterator[Any]:
    """Uploads are as slow as over a bad network."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")

    async def set_rate(upload: int) -> None:
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        await session.send("Network.emulateNetworkConditions", limits)

    await set_rate(rate)
    yield set_rate
    await session.detach()


async def test_a_dropped_recording_becomes_a_call(person: Person) -> None:
    page = await person.open()
    await give(page, SPEECH / "standup.m4a")
    row = person.row("standup.m4a")
    await expect(row).to_contain_text("KB")
    await expect(row).to_contain_text(re.compile(r"Transcribing \d+:\d\d of \d+:\d\d"))
    await expect(row.get_by_role("progressbar")).to_be_visible()
    await expect(row).to_contain_text("In your library", timeout=60_000)
    await expect(person.card("Files")).to_contain_text("1 call")
    await row.get_by_role("link", name="Open standup.m4a").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("standup")


async def test_a_folder_is_dropped_with_all_that_is_in_it(person: Person, tmp_path: Path) -> None:
    inner = tmp_path / "calls" / "older"
    inner.mkdir(parents=True)
    (inner.parent / "notes.txt").write_text("no recording")
    (inner.parent / ".hidden").write_text("x")
    (inner / "one.mp3").write_bytes((SPEECH / "empty.mp3").read_bytes() + b"1")
    page = await person.open()
    zone = page.get_by_test_id("drop-zone")
    await zone.scroll_into_view_if_needed()
    box = await zone.bounding_box()
    assert box
    session = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(inner.parent)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        await session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    await expect(person.row("one.mp3")).to_be_visible()
    await expect(person.row("notes.txt")).to_contain_text(
        "TXT files are not taken. Use MP3, WAV, M4A, MP4, MOV, WebM, up to 20 MB."
    )
    await expect(person.row(".hidden")).to_have_count(0)


async def test_what_cannot_be_taken_is_refused_before_a_byte_travels(person: Person, tmp_path: Path) -> None:
    page = await person.open()
    sent = pieces(page)
    large = tmp_path / "large.mp3"
    with large.open("wb") as file:
        file.truncate(25_000_000)
    (tmp_path / "slides.pdf").write_text("x")
    await give(page, large, tmp_path / "slides.pdf")
    await expect(person.row("large.mp3")).to_contain_text("The file has 25 MB, the limit is 20 MB.")
    await expect(person.row("slides.pdf")).to_contain_text("PDF files are not taken.")
    assert sent == []
    await person.row("slides.pdf").get_by_role("button", name="Dismiss slides.pdf").click()
    await expect(person.row("slides.pdf")).to_have_count(0)


async def test_what_only_looks_like_a_recording_is_refused_by_its_content(
    person: Person, tmp_path: Path
) -> None:
    page = await person.open()
    (tmp_path / "fake.mp3").write_text("This is no sound at all. " * 4000)
    await give(page, tmp_path / "fake.mp3")
    await expect(person.row("fake.mp3")).to_contain_text("This is not a recording.")


async def test_a_file_that_is_in_the_library_says_so_before_a_byte_travels(person: Person) -> None:
    taken = await person.caller.upload("budget.mp3")
    await person.caller.job(taken["job_id"])
    page = await person.open()
    sent = pieces(page)
    await give(page, SPEECH / "budget.mp3")
    row = page.get_by_role("list", name="Files on their way").get_by_role("listitem").first
    await expect(row).to_contain_text("Already in your library")
    assert sent == []
    await row.get_by_role("link", name="Open").click()
    await expect(page).to_have_url(re.compile("/calls/"))


async def test_of_a_video_only_the_sound_is_transcribed_and_it_says_so(person: Person) -> None:
    page = await person.open()
    await give(page, SPEECH / "webinar.mp4")
    await expect(person.row("webinar.mp4")).to_contain_text("Only the audio is transcribed.")
    await expect(person.row("webinar.mp4")).to_contain_text("In your library", timeout=60_000)


async def test_three_are_sent_at_a_time(person: Person, tmp_path: Path) -> None:
    page = await person.open()
    async with slow_line(page, 100_000):
        await give(page, *silences(tmp_path, 5))
        rows = page.get_by_role("list", name="Files on their way").get_by_role("listitem")
        await expect(rows.filter(has_text="Uploading")).to_have_count(3)
        await expect(rows.filter(has_text="Waiting for its turn")).to_have_count(2)
        for n in range(5):
            await page.get_by_role("button", name=f"Cancel copy-{n}.wav").click()
        await expect(rows).to_have_count(0)


async def test_an_upload_is_paused_resumed_and_cancelled(person: Person, tmp_path: Path) -> None:
    (file,) = silences(tmp_path, 1)
    page = await person.open()
    async with slow_line(page):
        await give(page, file)
        row = person.row("copy-0.wav")
        await expect(row).to_contain_text(re.compile(r"Uploading ([1-9]\d?) %"))
        await row.get_by_role("button", name="Pause").click()
        await expect(row).to_contain_text(re.compile(r"Paused at [1-9]\d? %"))
        await row.get_by_role("button", name="Resume").click()
        await expect(row).to_contain_text(re.compile(r"Uploading [1-9]\d? %"))
        await row.get_by_role("button", name="Cancel").click()
        await expect(row).to_have_count(0)


async def test_after_a_lost_connection_it_goes_on_by_itself(person: Person, hub: Hub, tmp_path: Path) -> None:
    (file,) = silences(tmp_path, 1)
    page = await person.open()
    row = person.row("copy-0.wav")
    async with slow_line(page) as line:
        await give(page, file)
        await expect(row).to_contain_text(re.compile(r"Uploading [2-9]\d %"))
        killed = hub.live.process("ingest-gateway")["pid"]
        await hub.live.kill("ingest-gateway")
        await hub.live.back("ingest-gateway", killed)
        await line(-1)
        await expect(row).to_contain_text(UNDER_WAY, timeout=60_000)


async def test_after_a_reload_the_file_is_chosen_again_and_goes_on_from_where_it_was(
    person: Person, tmp_path: Path
) -> None:
    (file,) = silences(tmp_path, 1)
    page = await person.open()
    row = person.row("copy-0.wav")
    async with slow_line(page):
        await give(page, file)
        await expect(row).to_contain_text(re.compile(r"Uploading [3-9]\d %"))
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.reload()
    await expect(row).to_contain_text("Choose the file again to go on")
    async with page.expect_request(lambda one: one.method == "PATCH" and "/api/uploads/" in one.url) as sent:
        async with page.expect_file_chooser() as chooser:
            await row.get_by_role("button", name="Choose copy-0.wav again").click()
        await (await chooser.value).set_files(file)
    assert int((await sent.value).headers["upload-offset"]) > 0
    await expect(page.get_by_role("list", name="Files on their way").get_by_role("listitem")).to_have_count(1)
    await expect(row).to_contain_text(UNDER_WAY, timeout=60_000)
