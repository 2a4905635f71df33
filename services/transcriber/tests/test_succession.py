"""A model that is gone: its successor answers, and says so once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.engine_server import Answer, EngineServer, refusal, spoken

from pipeline_runtime.failures import ItemProblem
from transcriber.engines import PartAudio, PartTooLong, choose, models, succession
from transcriber.engines.openai_protocol import OpenAIEngine
from transcriber.settings import EngineSettings

Load = Callable[[str], PartAudio]
GONE = refusal(404, "The model `whisper-1` does not exist", code="model_not_found")


def engine_at(server: EngineServer, **more: Any) -> OpenAIEngine:
    """OpenAI itself, as far as the engine can tell."""
    return OpenAIEngine(key=SecretStr("sk-test"), openai_url=server.url, **more)


@pytest.fixture
async def engine(server: EngineServer) -> AsyncIterator[OpenAIEngine]:
    made = engine_at(server)
    yield made
    await made.close()


async def ask(engine: OpenAIEngine, part: PartAudio) -> Any:
    return await engine.transcribe(part, on_progress=lambda _: None)


def asked(server: EngineServer) -> list[str | None]:
    return [request.value("model") for request in server.requests]


@pytest.mark.parametrize(
    "gone",
    [
        GONE,
        refusal(400, "The model `whisper-1` does not exist", code="model_not_found"),
        refusal(403, "Project has no access to model `whisper-1`", code="model_not_found"),
        refusal(410, "Gone"),
    ],
    ids=["404", "400", "403", "410"],
)
async def test_the_successor_of_a_model_that_is_gone_answers_and_that_is_said_once(
    server: EngineServer, engine: OpenAIEngine, load: Load, gone: Answer
) -> None:
    server.script = [gone, Answer({"text": "First one."}), Answer({"text": "Second one."})]
    part = load("budget.mp3")

    with capture_logs() as logs:
        first, second = await ask(engine, part), await ask(engine, part)

    assert asked(server) == ["whisper-1", "gpt-transcribe", "gpt-transcribe"]
    assert [(one.text, one.model, one.replaces) for one in (first, second)] == [
        ("First one.", "gpt-transcribe", "whisper-1"),
        ("Second one.", "gpt-transcribe", "whisper-1"),
    ]
    said = [entry for entry in logs if entry["event"] == "engine.model_replaced"]
    assert [(one["model"], one["successor"]) for one in said] == [("whisper-1", "gpt-transcribe")]
    assert engine.notice() == "whisper-1 is gone: gpt-transcribe answers in its place"
    assert engine.problem() is None


async def test_the_configured_successor_goes_before_the_tables(server: EngineServer, load: Load) -> None:
    engine = engine_at(server, successor="gpt-4o-mini-transcribe")
    server.script = [GONE, Answer({"text": "Words."})]

    await ask(engine, load("hiring.wav"))
    await engine.close()

    assert asked(server) == ["whisper-1", "gpt-4o-mini-transcribe"]
    assert engine.caps.max_seconds == 1400


async def test_a_part_that_is_too_long_for_the_successor_is_to_be_cut_again(
    server: EngineServer, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = models.Model("small-transcribe", forms=("json",), max_seconds=5.0)
    monkeypatch.setitem(models.MODELS, small.name, small)
    engine = engine_at(server, successor=small.name)
    server.script = [GONE]
    part = load("budget.mp3")

    with pytest.raises(PartTooLong) as caught:
        await ask(engine, part)
    await engine.close()

    assert (caught.value.code, caught.value.max_seconds) == ("too_long_for_engine", 5.0)
    assert caught.value.pieces(part.seconds) == pytest.approx(part.seconds / 2)
    assert caught.value.pieces(60) == pytest.approx(4.75)
    assert (engine.model, engine.caps.max_seconds) == (small.name, 5.0)
    assert asked(server) == ["whisper-1"]


async def test_parts_under_way_at_the_same_time_go_over_together(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    server.script = [replace(GONE, seconds=0.5)] * 2  # time enough for both to be under way
    server.default = Answer({"text": "Words."})
    part, other = load("hiring.wav"), load("budget.mp3")

    heard = await asyncio.gather(ask(engine, part), ask(engine, other))

    assert [one.model for one in heard] == ["gpt-transcribe"] * 2
    assert sorted(map(str, asked(server))) == ["gpt-transcribe"] * 2 + ["whisper-1"] * 2


async def test_a_refusal_after_the_announced_day_means_that_the_model_is_gone(
    server: EngineServer, engine: OpenAIEngine, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "_today", lambda: date(2027, 2, 25))
    server.script = [refusal(400, "This model has been retired."), Answer({"text": "Words."})]
    with pytest.raises(ItemProblem) as caught:
        await ask(engine, load("hiring.wav"))
    assert caught.value.code == "engine_refused"

    monkeypatch.setattr(succession, "_today", lambda: date(2027, 2, 26))
    server.script.insert(0, refusal(400, "This model has been retired."))
    assert (await ask(engine, load("hiring.wav"))).replaces == "whisper-1"


async def test_after_the_announced_day_the_model_is_asked_as_long_as_it_answers(
    server: EngineServer, engine: OpenAIEngine, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "_today", lambda: date(2027, 3, 1))

    assert (await ask(engine, load("hiring.wav"))).model == "whisper-1"


async def test_the_announced_day_means_nothing_to_a_server_of_ones_own(
    server: EngineServer, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "_today", lambda: date(2027, 3, 1))
    engine = OpenAIEngine(key=None, base_url=server.url, model="whisper-1")
    server.script = [refusal(400, "This sound is not to my taste")]

    with pytest.raises(ItemProblem) as caught:
        await ask(engine, load("hiring.wav"))
    await engine.close()

    assert (caught.value.code, asked(server)) == ("engine_refused", ["whisper-1"])
    assert (engine.model, engine.notice()) == ("whisper-1", None)


async def test_where_the_successor_is_gone_too_the_model_is_missing_and_is_asked_again_next_time(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    server.script = [GONE, GONE, spoken("Back again.")]

    with pytest.raises(ItemProblem) as caught:
        await ask(engine, load("hiring.wav"))
    assert caught.value.code == "engine_model_missing"
    assert (await ask(engine, load("hiring.wav"))).replaces is None
    assert asked(server) == ["whisper-1", "gpt-transcribe", "whisper-1"]


async def test_a_server_of_ones_own_without_the_model_has_no_successor_unless_one_is_named(
    server: EngineServer, load: Load
) -> None:
    missing = Answer({"detail": "Model 'Systran/faster-whisper-medium' is not installed locally."}, 404)
    alone = OpenAIEngine(key=None, base_url=server.url, model="Systran/faster-whisper-medium")
    named = OpenAIEngine(
        key=None, base_url=server.url, model="Systran/faster-whisper-medium", successor="small"
    )
    server.script = [missing, missing, spoken("Hello.")]

    with pytest.raises(ItemProblem) as caught:
        await ask(alone, load("hiring.wav"))
    assert caught.value.code == "engine_model_missing"
    assert (await ask(named, load("hiring.wav"))).model == "small"
    await alone.close()
    await named.close()


def test_openais_default_is_whisper_1_and_its_end_is_told_in_good_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRANSCRIBER_BASE_URL", "TRANSCRIBER_MODEL", "TRANSCRIBER_SUCCESSOR"):
        monkeypatch.delenv(name, raising=False)
    engine = choose(EngineSettings(openai_api_key=SecretStr("sk-test")))
    assert (engine.name, engine.model) == ("openai", "whisper-1")
    assert (engine.caps.max_bytes, engine.caps.max_seconds) == (24 << 20, None)

    monkeypatch.setattr(succession, "_today", lambda: date(2026, 10, 1))
    assert engine.notice() is None
    monkeypatch.setattr(succession, "_today", lambda: date(2026, 12, 1))
    assert engine.notice() == "whisper-1 ends on 2027-02-26: gpt-transcribe takes over by itself"


def test_every_model_that_ends_has_a_successor_that_does_not_end_before() -> None:
    for model in models.MODELS.values():
        if model.ends is not None:
            following = models.MODELS[model.successor or ""]
            assert following.ends is None or following.ends > model.ends
        assert model.caps.part_seconds <= (model.caps.max_seconds or float("inf"))
        assert model.dollars_per_minute
