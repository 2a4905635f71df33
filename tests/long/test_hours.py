"""Hours of sound through the local engine and through the sandbox's OpenAI: words, times, memory.

`make test-long` runs it on three hours (twelve for the memory); LONG_MINUTES=10 on a small part of that.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jiwer
import psutil
import pytest

from callvault.spawn import Child
from pipeline_contracts import IMPORT_RESULTS, ConnectorRecord
from pipeline_contracts import decode as decode_message
from tests.support.desk import Desk, Ticket
from tests.support.sources import world_at
from tests.support.talk import Turn, write_talk
from transcriber.audio import decode
from transcriber.engines import PartAudio
from transcriber.engines.local import LocalEngine

VOICES = (0.92, 1.0, 1.08)
SLOWEST = 20.0  # seconds that the sandbox takes for an answer; less for recordings of less than forty minutes
MOST_MEMORY = 400 * 1024 * 1024
DAY = 12 * 3600.0

Talk = tuple[Path, list[Turn]]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory, minutes: int) -> Talk:
    """A recording of several voices with silences, and its script."""
    path = tmp_path_factory.mktemp("long") / "talk.wav"
    return path, write_talk(path, minutes * 60, voices=VOICES)


def plain(text: str) -> str:
    """As words are compared: without case and punctuation."""
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold()).split())


@pytest.fixture(scope="module")
def uncut(talk: Talk, tmp_path_factory: pytest.TempPathFactory) -> float:
    """The word error rate of the local engine on the recording as a whole."""
    with ThreadPoolExecutor(1) as apart:  # from the loop of the test that asks first
        heard = apart.submit(asyncio.run, whole(talk[0], tmp_path_factory.mktemp("whole"))).result()
    return errors(talk, heard)


def errors(talk: Talk, heard: str) -> float:
    """The word error rate against the script."""
    return jiwer.wer(plain(" ".join(turn.text for turn in talk[1])), plain(heard))


async def whole(path: Path, folder: Path) -> str:
    """What the local engine hears in a recording that is not cut."""
    engine = LocalEngine()
    await engine.start()
    audio = await asyncio.to_thread(decode, path, folder / "whole")
    try:
        heard = await engine.transcribe(PartAudio(audio, audio.parts()[0]), on_progress=lambda _: None)
    finally:
        await engine.close()
    return heard.text


async def in_parts(desk: Desk, path: Path, within: float, **settings: str) -> tuple[Any, float, int]:
    """The record that a transcriber makes of it, in how many seconds, and the most memory that it took."""
    ticket = await desk.ticket(path)
    with desk.process(**settings) as process:
        watched = asyncio.create_task(most_memory(process))
        await asyncio.sleep(5)  # it starts, and loads its model
        begun = time.monotonic()
        await desk.publish(ticket)
        async with asyncio.timeout(within):
            record = await result_of(desk, ticket)
        took = time.monotonic() - begun
        watched.cancel()
        [memory] = await asyncio.gather(watched)
    return record, took, memory


async def result_of(desk: Desk, ticket: Ticket) -> Any:
    """What comes of this ticket: others may be told again, as no recorder ends their items."""
    async for message in await desk.stack.listen("import.results"):
        found = decode_message(IMPORT_RESULTS, message.value, message.headers)
        assert isinstance(found, ConnectorRecord), found
        if found.external_id == ticket.message.draft.external_id:
            return found
    raise AssertionError("a topic has no end")


async def most_memory(process: Child) -> int:
    """Bytes of the process that nobody else has, at their most, until cancelled."""
    most = 0
    try:
        while True:
            most = max(most, psutil.Process(process.pid).memory_full_info().uss)
            await asyncio.sleep(0.5)
    except (asyncio.CancelledError, psutil.NoSuchProcess):
        return most


@pytest.mark.timeout(0)
@pytest.mark.parametrize("engine", ["local", "openai"])
async def test_cut_recordings_are_heard_as_well_as_whole_ones(
    make_desk: Callable[..., Desk], talk: Talk, uncut: float, sandbox_address: str, minutes: int, engine: str
) -> None:
    """The sandbox's OpenAI listens with the same Whisper here. It would take no such file as a whole."""
    async with world_at(sandbox_address) as world:
        await world.admin("settings", openai={"listens": True})
        openai = {"OPENAI_API_KEY": "sk-sandbox", "OPENAI_API_URL": f"{world.base}/openai/v1"}
        desk = make_desk(**(openai if engine == "openai" else {}))
        record, took, memory = await in_parts(desk, talk[0], within=max(300.0, minutes * 60.0))

    made, cut = record.source_metadata["transcription"], errors(talk, record.full_transcript)
    print(
        f"\n{minutes} minutes, {engine}: word error rate {cut:.2%} in {made['parts']} parts, {uncut:.2%} whole; "
        f"{took:.0f} s, {memory / 1e6:.0f} MB"
    )
    assert made["engine"] == engine
    assert "partial" not in made
    assert cut <= uncut + 0.01
    assert record.duration == pytest.approx(talk[1][-1].end, abs=15)
    off = [nearest(segment.start, talk[1]) for segment in record.segments]
    assert sum(seconds < 3.0 for seconds in off) > 0.95 * len(off)


def nearest(time: float, turns: list[Turn]) -> float:
    """Seconds between a moment and what is said next to it; 0 while somebody speaks."""
    return min(max(0.0, turn.start - time, time - turn.end) for turn in turns)


@pytest.mark.timeout(0)
async def test_eight_workers_wait_for_slow_answers_together(
    make_desk: Callable[..., Desk], talk: Talk, sandbox_address: str, minutes: int
) -> None:
    slow, part = min(SLOWEST, minutes / 2), max(15, min(120, 2 * minutes))
    took: dict[int, float] = {}
    texts: set[str] = set()
    for workers in (8, 1):
        async with world_at(sandbox_address) as world:
            await world.fault(on="openai.transcriptions", times=None, delay=slow)
            desk = make_desk(OPENAI_API_KEY="sk-sandbox", OPENAI_API_URL=f"{world.base}/openai/v1")
            record, took[workers], _ = await in_parts(
                desk, talk[0], max(600.0, minutes * 20.0), TRANSCRIBER_WORKERS=str(workers),
                TRANSCRIBER_PART_SECONDS=str(part),
            )  # fmt: skip
            made = record.source_metadata["transcription"]
            assert await world.calls("openai.transcriptions") == made["parts"]
            texts.add(record.full_transcript)
        print(
            f"\n{minutes} minutes, {made['parts']} answers of {slow:.0f} s, {workers} workers: {took[workers]:.0f} s"
        )

    assert len(texts) == 1
    assert took[8] < took[1] / 5


@pytest.mark.timeout(0)
async def test_memory_stays_small_whatever_the_length(
    make_desk: Callable[..., Desk], tmp_path: Path, sandbox_address: str, minutes: int
) -> None:
    path = tmp_path / "day.wav"
    turns = await asyncio.to_thread(write_talk, path, min(DAY - 60, minutes * 240.0), voices=VOICES)
    async with world_at(sandbox_address) as world:
        desk = make_desk(OPENAI_API_KEY="sk-sandbox", OPENAI_API_URL=f"{world.base}/openai/v1")
        record, took, memory = await in_parts(desk, path, within=3600.0)

    made = record.source_metadata["transcription"]
    print(
        f"\n{turns[-1].end / 3600:.1f} hours in {made['parts']} parts: {took:.0f} s, {memory / 1e6:.0f} MB at most"
    )
    assert memory < MOST_MEMORY
    assert record.duration == pytest.approx(turns[-1].end, abs=15)
