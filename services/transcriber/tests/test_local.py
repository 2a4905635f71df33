"""The real Whisper from its package, on real speech in every accepted format."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest
from structlog.testing import capture_logs

from pipeline_runtime.failures import ItemProblem
from transcriber.audio import RATE, Audio
from transcriber.engines import Hints, PartAudio, choose, local
from transcriber.engines.local import LocalEngine
from transcriber.settings import EngineSettings

Load = Callable[[str], PartAudio]


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    made = LocalEngine()
    asyncio.run(made.start())
    yield made
    asyncio.run(made.close())


def wrong_words(script: str, heard: str) -> float:
    """The share of words that are wrong, missing or too many."""
    return jiwer.wer(plain(script), plain(heard))


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


@pytest.mark.parametrize("name", ["standup.m4a", "hiring.wav"])
async def test_speech_is_understood(
    engine: LocalEngine, load: Load, scripts: dict[str, str], name: str
) -> None:
    part, done = load(name), list[float]()

    heard = await engine.transcribe(part, on_progress=done.append)

    assert wrong_words(scripts[name], heard.text) <= 0.1
    assert heard.segments
    assert all(0 <= one.start <= one.end <= part.seconds for one in heard.segments)
    assert done == sorted(done)
    assert done[-1] == part.seconds
    assert (heard.language, heard.language_checked) == ("en", False)
    assert engine.problem() is None


async def test_silence_has_no_words(engine: LocalEngine, load: Load) -> None:
    assert (await engine.transcribe(load("silence.m4a"), on_progress=lambda _: None)).text == ""


async def test_a_long_recording_is_cut_where_nobody_speaks(
    engine: LocalEngine, load: Load, scripts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_WINDOW", 8.0)
    monkeypatch.setattr(local, "_SEAM", 4.0)
    one, two = load("budget.mp3").audio, load("hiring.wav").audio
    long = tmp_path / "long.raw"
    long.write_bytes(one.path.read_bytes() + two.path.read_bytes())
    audio = Audio(long, one.seconds + two.seconds)

    heard = await engine.transcribe(PartAudio(audio, audio.parts()[0]), on_progress=lambda _: None)

    script = f"{scripts['budget.mp3']} {scripts['hiring.wav']}"
    assert wrong_words(script, heard.text) <= 0.1
    starts = [segment.start for segment in heard.segments]
    assert starts == sorted(starts)
    assert starts[-1] > one.seconds


async def test_a_batch_hears_the_same_and_tells_when_each_word_was_said(
    load: Load, scripts: dict[str, str]
) -> None:
    settings = EngineSettings(
        transcriber_batch_size=4, transcriber_word_times=True, transcriber_threads=2, transcriber_device="cpu",
        transcriber_compute_type="int8",
    )  # fmt: skip
    engine, part = choose(settings), load("standup.m4a")
    done: list[float] = []

    heard = await engine.transcribe(part, on_progress=done.append)
    await engine.close()

    assert wrong_words(scripts["standup.m4a"], heard.text) <= 0.1
    assert plain(" ".join(word.text for word in heard.words)) == plain(heard.text)
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert all(0 <= word.start <= word.end <= part.seconds for word in heard.words)
    assert len(heard.segments) > 1
    assert done[-1] == part.seconds
    assert heard.confidence is not None
    assert -1 < heard.confidence < 0
    assert (heard.model, heard.seconds) == ("tiny.en", round(part.seconds, 3))


async def test_a_users_terms_reach_the_model_and_are_not_logged(engine: LocalEngine, load: Load) -> None:
    with capture_logs() as logs:
        heard = await engine.transcribe(
            load("hiring.wav"), hints=Hints(vocabulary=("design team", "Nguyen")), on_progress=lambda _: None
        )

    assert "design team" in heard.text
    assert "Nguyen" not in str(logs)


async def test_a_cancelled_call_lets_go_of_the_thread(engine: LocalEngine, load: Load) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(_: float) -> None:
        loop.call_soon_threadsafe(begun.set)

    call = asyncio.create_task(engine.transcribe(load("standup.m4a"), on_progress=note))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await engine.transcribe(load("hiring.wav"), on_progress=lambda _: None)).text


async def test_a_model_that_is_not_there_is_a_problem_of_its_own(load: Load, tmp_path: Path) -> None:
    empty = tmp_path / "no-model"
    empty.mkdir()
    engine = LocalEngine(str(empty))
    assert engine.problem() == "model loading"

    with pytest.raises(ItemProblem) as caught:
        await engine.transcribe(load("hiring.wav"), on_progress=lambda _: None)
    await engine.close()

    assert caught.value.code == "engine_model_missing"
    assert engine.problem() == "the model could not be loaded"


def test_the_default_engine_is_this_machine_and_knows_english_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "TRANSCRIBER_BASE_URL", "TRANSCRIBER_MODEL", "TRANSCRIBER_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    settings = EngineSettings()
    engine = choose(settings)

    assert (engine.name, engine.model, engine.languages) == ("local", "tiny.en", frozenset({"en"}))
    assert settings.workers == 1
    assert EngineSettings(openai_api_key="x").workers == 4


def test_the_quietest_moment_is_found() -> None:
    samples = np.full(10 * RATE, 9000, dtype=np.float32)
    samples[4 * RATE : 5 * RATE] = 0

    assert 4 <= local._quietest(samples) <= 5
