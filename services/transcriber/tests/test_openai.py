"""OpenAI as the sandbox plays it, in a process of its own: every model, every limit, every failure."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.sources import World, world_at

from pipeline_runtime.failures import ItemProblem, Transient
from transcriber.accounts import told
from transcriber.engines import Hints, PartAudio, PartTooLong, models, openai_protocol
from transcriber.engines.openai_protocol import OpenAIEngine
from transcriber.speakers import consistent, known
from transcriber.transcript import Transcript

Load = Callable[[str], PartAudio]
ON = "openai.transcriptions"


@pytest.fixture
async def world(sandbox_address: str) -> AsyncIterator[World]:
    async with world_at(sandbox_address) as made:
        yield made


@pytest.fixture
async def engine(world: World) -> AsyncIterator[OpenAIEngine]:
    made = engine_in(world)
    yield made
    await made.close()


def engine_in(world: World, **more: Any) -> OpenAIEngine:
    return OpenAIEngine(key=SecretStr("sk-sandbox"), openai_url=f"{world.base}/openai/v1", **more)


async def ask(engine: OpenAIEngine, part: PartAudio, **more: Any) -> Transcript:
    return await engine.transcribe(part, on_progress=lambda _: None, **more)


@pytest.mark.parametrize("name", models.MODELS)
async def test_every_model_of_the_table_is_asked_as_it_wants_it(world: World, load: Load, name: str) -> None:
    engine = engine_in(world, model=name, words=True)

    heard = await ask(engine, load("standup.m4a"), hints=Hints(vocabulary=("CallVault", "Nguyen")))
    await engine.close()

    model = models.MODELS[name]
    assert heard.text
    assert (heard.model, heard.replaces, heard.dropped) == (name, None, ())
    assert bool(heard.segments) == (model.forms[0] != "json")
    assert bool(heard.words) == model.words
    assert any(one.speaker for one in heard.segments) == model.speakers
    assert set(heard.usage) & {"seconds", "total_tokens"}
    assert told("openai", [heard])["cost_usd"] > 0
    assert await world.calls(ON) == 1


async def test_limits_in_bytes_and_in_seconds_say_into_what_to_cut(world: World, load: Load) -> None:
    part = load("standup.m4a")
    whisper, mini = engine_in(world), engine_in(world, model="gpt-4o-mini-transcribe")
    await world.admin("settings", openai={"max_bytes": 50_000, "max_seconds": 12})

    with pytest.raises(PartTooLong) as large:
        await ask(whisper, part)
    await world.admin("settings", openai={"max_bytes": 26_214_400})
    with pytest.raises(PartTooLong) as long:
        await ask(mini, part)
    await whisper.close()
    await mini.close()

    assert (large.value.code, large.value.max_bytes) == ("too_long_for_engine", 47_500)
    assert (long.value.code, long.value.max_seconds) == ("too_long_for_engine", 12)
    assert long.value.pieces(part.seconds) == pytest.approx(11.4)


@pytest.mark.parametrize(
    ("fault", "code", "wait"),
    [
        ({"answer": "openai.429"}, "engine_rate_limited", 1),
        ({"answer": "openai.429_no_header"}, "engine_rate_limited", 1.2),
        ({"answer": {"status": 429, "body": {"error": {"message": "Slow down", "type": "requests", "param": None,
                     "code": "rate_limit_exceeded"}}, "retry_after": {"kind": "none"}}},
         "engine_rate_limited", None),
        ({"answer": "openai.500"}, "engine_unavailable", None),
        ({"answer": "openai.503"}, "engine_unavailable", None),
        ({"answer": "html.502"}, "engine_unavailable", None),
        ({"cut": "before"}, "engine_unavailable", None),
        ({"cut": "after_commit"}, "engine_unavailable", None),
        ({"cut": "mid_body"}, "engine_unavailable", None),
    ],
    ids=["429", "429 by reset", "429 bare", "500", "503", "502 page", "cut before", "cut after upload", "half"],
)  # fmt: skip
async def test_what_passes_is_tried_again_by_whoever_asks_and_says_when(
    world: World, engine: OpenAIEngine, load: Load, fault: dict[str, Any], code: str, wait: float | None
) -> None:
    await world.fault(on=ON, **fault)
    part = load("hiring.wav")

    with pytest.raises(Transient) as caught:
        await ask(engine, part)

    assert (caught.value.code, caught.value.retry_after) == (code, wait)
    assert await world.calls(ON) == 1
    assert (await ask(engine, part)).text


@pytest.mark.parametrize(
    ("fault", "settings", "code"),
    [
        ({"answer": "openai.insufficient_quota"}, {}, "engine_quota_exhausted"),
        (None, {"api_keys": ["sk-another"]}, "engine_unauthorised"),
    ],
    ids=["no money", "wrong key"],
)  # fmt: skip
async def test_what_lasts_is_not_tried_again(
    world: World, engine: OpenAIEngine, load: Load, fault: dict[str, Any] | None, settings: dict[str, Any],
    code: str,
) -> None:  # fmt: skip
    await world.admin("settings", openai=settings)
    if fault:
        await world.fault(on=ON, **fault)

    with pytest.raises(ItemProblem) as caught:
        await ask(engine, load("hiring.wav"))

    assert (caught.value.code, isinstance(caught.value, Transient)) == (code, False)
    assert "sk-" not in str(caught.value)


async def test_a_slow_answer_is_waited_for_and_one_that_never_comes_is_not(
    world: World, engine: OpenAIEngine, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = load("hiring.wav")
    await world.fault(on=ON, delay=1.5)
    begun = time.monotonic()
    assert (await ask(engine, part)).text
    assert time.monotonic() - begun >= 1.5

    monkeypatch.setattr(openai_protocol, "_LEAST_WAIT", 0.3)
    monkeypatch.setattr(openai_protocol, "_PER_SECOND", 0.0)
    await world.fault(on=ON, delay=20)
    with pytest.raises(Transient, match="did not answer in time"):
        await ask(engine, part)


def test_an_answer_that_takes_five_minutes_is_waited_for_however_short_the_sound(load: Load) -> None:
    assert (openai_protocol.patience(load("hiring.wav")).read or 0) > 300


async def test_on_the_day_after_whisper_1_its_successor_goes_on(
    world: World, engine: OpenAIEngine, load: Load
) -> None:
    part = load("hiring.wav")
    before = await ask(engine, part)
    await world.admin("clock", advance=400 * 86400)

    after = await ask(engine, part)
    last = await ask(engine, part)

    assert [one.model for one in (before, after, last)] == ["whisper-1", "gpt-transcribe", "gpt-transcribe"]
    assert after.text
    assert await world.calls(ON) == 4  # only one of them in vain
    made = told("openai", [before, after, last])
    assert made["model_replaced"] == {"from": "whisper-1", "to": "gpt-transcribe"}


@pytest.mark.parametrize(
    ("quirk", "reason"),
    [("hallucination", "silence"), ("loop", "repetitive"), ("empty", None), ("past_end", None)],
)
async def test_what_openai_only_believes_to_have_heard_is_taken_out(
    world: World, engine: OpenAIEngine, load: Load, quirk: str, reason: str | None
) -> None:
    part = load("hiring.wav")
    good = await ask(engine, part)
    await world.admin("settings", openai={"quirk": quirk})

    heard = await ask(engine, part)

    assert {one.reason for one in heard.dropped} == ({reason} if reason else set())
    assert heard.text == ("" if quirk == "empty" else good.text)
    assert all(one.end <= part.seconds for one in heard.segments)


async def test_speakers_who_were_heard_before_keep_their_labels_in_later_parts(
    world: World, load: Load
) -> None:
    engine = engine_in(world, model="gpt-4o-transcribe-diarize")
    part = load("standup.m4a")
    first = await ask(engine, part)
    voices = known(part, first)

    later = await ask(engine, part, hints=Hints(speakers=voices))
    alone = await ask(engine, part)
    await engine.close()

    assert engine.takes_speakers
    assert {one.speaker for one in first.segments} >= {"A"}
    assert voices[0].name.startswith("Speaker ")
    assert later.known_speakers == tuple(one.name for one in voices)
    _, told_of_later = consistent([first, later])
    assert {one.speaker for one in told_of_later.segments} >= {voices[0].name}
    _, told_of_alone = consistent([first, alone.model_copy(update={"segments": shifted(alone)})])
    assert all("(from 1" in (one.speaker or "") for one in told_of_alone.segments)


def shifted(transcript: Transcript) -> tuple[Any, ...]:
    """The same a quarter of an hour later."""
    return tuple(
        one.model_copy(update={"start": one.start + 900, "end": one.end + 900}) for one in transcript.segments
    )
