"""OpenAI's protocol over real HTTP: the answers of different servers, and every error."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.engine_server import Answer, EngineServer, refusal, spoken

from pipeline_runtime.failures import ItemProblem, Transient
from transcriber.engines import PartAudio, choose, openai_protocol
from transcriber.engines.openai_protocol import OpenAIEngine
from transcriber.engines.refusals import duration, retry_after
from transcriber.settings import EngineSettings

KEY = "sk-test-4f1d0c2b"
Load = Callable[[str], PartAudio]


@pytest.fixture
async def engine(server: EngineServer) -> AsyncIterator[OpenAIEngine]:
    made = OpenAIEngine(key=SecretStr(KEY), base_url=server.url)
    yield made
    await made.close()


async def ask(engine: OpenAIEngine, part: PartAudio, **more: Any) -> Any:
    return await engine.transcribe(part, on_progress=lambda _: None, **more)


async def test_a_request_carries_a_real_name_and_what_is_asked_for(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    done: list[float] = []
    part = load("budget.mp3")

    heard = await engine.transcribe(part, language="en", prompt="Budget", on_progress=done.append)

    (request,) = server.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.filename == "part-0.mp3"
    assert request.file[:3] == b"ID3"
    assert sorted(request.fields) == [
        ("language", "en"),
        ("model", "whisper-1"),
        ("prompt", "Budget"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "segment"),
    ]
    assert heard.text == "Hello from the engine."
    assert [(one.start, one.end, one.text) for one in heard.segments] == [(0, 3, "Hello from the engine.")]
    assert (heard.language, heard.language_checked) == ("en", True)
    assert (heard.model, heard.replaces, heard.seconds) == ("whisper-1", None, round(part.seconds, 3))
    assert heard.usage == {"seconds": 6}
    assert done == [part.seconds]


async def test_a_loop_in_the_answer_is_taken_out_of_text_and_segments(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    loop = [{"start": n, "end": n + 1, "text": " Thank you."} for n in range(4)]
    server.script = [Answer({"text": "Thank you. " * 4, "segments": loop})]

    heard = await ask(engine, load("hiring.wav"))

    assert (heard.text, len(heard.segments)) == ("Thank you.", 1)


async def test_a_model_without_segments_is_asked_for_json_from_then_on(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    server.script = [
        refusal(400, "response_format 'verbose_json' is not compatible with model", param="response_format",
                code="unsupported_value"),
        Answer({"text": "First."}),
        Answer({"text": "Second."}),
    ]  # fmt: skip

    assert (await ask(engine, load("hiring.wav"))).text == "First."
    assert (await ask(engine, load("hiring.wav"))).text == "Second."
    forms = [request.value("response_format") for request in server.requests]
    assert forms == ["verbose_json", "json", "json"]


@pytest.mark.parametrize(
    ("model", "form"),
    [("gpt-transcribe", "json"), ("gpt-4o-transcribe", "json"), ("gpt-4o-mini-transcribe", "json"),
     ("gpt-4o-transcribe-diarize", "diarized_json"), ("whisper-1", "verbose_json"),
     ("Systran/faster-whisper-small", "verbose_json")],
)  # fmt: skip
async def test_each_model_is_asked_for_the_richest_answer_it_gives(
    server: EngineServer, load: Load, model: str, form: str
) -> None:
    engine = OpenAIEngine(key=None, base_url=server.url, model=model)

    await ask(engine, load("hiring.wav"), prompt="Hiring")
    await engine.close()

    (request,) = server.requests
    assert (request.value("model"), request.value("response_format")) == (model, form)
    assert (request.value("chunking_strategy") == "auto") == (form == "diarized_json")
    assert (request.value("prompt") is None) == (form == "diarized_json")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(400, "audio duration 1830.5 seconds is longer than 1400 seconds which is the maximum for this"
                 " model", code="invalid_value"), "too_long_for_engine"),
        (refusal(400, "This model does not support the format you provided."), "engine_refused"),
        (refusal(400, "Invalid language", param="language"), "language_not_supported"),
        (refusal(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key"), "engine_unauthorised"),
        (refusal(403, "Country not supported", kind="request_forbidden"), "engine_unauthorised"),
        (Answer({"detail": "Model is not installed locally."}, 404), "engine_model_missing"),
        (refusal(413, "Maximum content size limit (26214400) exceeded (26294972 bytes read)",
                 kind="server_error"), "too_long_for_engine"),
        (refusal(422, "no"), "engine_refused"),
        (Answer({"error": "failed to read audio data"}, 400), "engine_refused"),
        (refusal(429, "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota"),
         "engine_quota_exhausted"),
        (Answer("<html>a proxy's page</html>"), "engine_refused"),
        (Answer({"unexpected": True}), "engine_refused"),
    ],
)  # fmt: skip
async def test_a_lasting_refusal_becomes_a_problem_and_is_not_tried_again(
    server: EngineServer, engine: OpenAIEngine, load: Load, answer: Answer, code: str
) -> None:
    server.script = [answer]

    with capture_logs() as logs, pytest.raises(ItemProblem) as caught:
        await ask(engine, load("hiring.wav"))

    assert caught.value.code == code
    assert not isinstance(caught.value, Transient)
    assert len(server.requests) == 1
    assert KEY not in str(caught.value) + str(logs)


@pytest.mark.parametrize(
    ("answer", "code", "wait"),
    [
        (refusal(429, "Rate limit reached", headers={"Retry-After": "7"}), "engine_rate_limited", 7),
        (refusal(429, "Rate limit reached", headers={"retry-after-ms": "350"}), "engine_rate_limited", 0.35),
        (refusal(429, "Rate limit reached", headers={"x-ratelimit-remaining-requests": "0",
                 "x-ratelimit-reset-requests": "1.2s"}), "engine_rate_limited", 1.2),
        (refusal(429, "Rate limit reached"), "engine_rate_limited", None),
        (refusal(500, "The server had an error", kind="server_error"), "engine_unavailable", None),
        (Answer("upstream timed out", 502), "engine_unavailable", None),
        (refusal(503, "Overloaded", headers={"Retry-After": "2"}), "engine_unavailable", 2),
        (Answer({}, 504), "engine_unavailable", None),
        (Answer({"text": "never read to its end"}, cut=True), "engine_unavailable", None),
    ],
)  # fmt: skip
async def test_a_passing_failure_says_when_to_try_again(
    server: EngineServer, engine: OpenAIEngine, load: Load, answer: Answer, code: str, wait: float | None
) -> None:
    server.script = [answer]

    with pytest.raises(Transient) as caught:
        await ask(engine, load("hiring.wav"))

    assert (caught.value.code, caught.value.retry_after) == (code, wait)
    assert caught.value.retryable
    assert len(server.requests) == 1


async def test_an_engine_that_is_down_is_unavailable(load: Load) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        engine = OpenAIEngine(key=None, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Transient) as caught:
            await ask(engine, load("hiring.wav"))
        await engine.close()

    assert caught.value.code == "engine_unavailable"


async def test_an_engine_that_never_answers_is_given_up(
    server: EngineServer, engine: OpenAIEngine, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_protocol, "_LEAST_WAIT", 0.1)
    monkeypatch.setattr(openai_protocol, "_PER_SECOND", 0.0)
    server.script = [Answer({"text": "late"}, seconds=1.0)]

    with pytest.raises(Transient, match="did not answer in time"):
        await ask(engine, load("hiring.wav"))


async def test_the_key_for_openai_never_goes_to_another_server(server: EngineServer, load: Load) -> None:
    engine = choose(EngineSettings(transcriber_base_url=server.url, openai_api_key=KEY))

    await engine.transcribe(load("hiring.wav"), on_progress=lambda _: None)
    await engine.close()

    assert KEY not in str(server.requests[0].headers)
    assert KEY not in repr(engine) + repr(EngineSettings(openai_api_key=SecretStr(KEY)))


async def test_silence_with_invented_words_stays_silence(
    server: EngineServer, engine: OpenAIEngine, load: Load
) -> None:
    invented = {
        "start": 0,
        "end": 2,
        "text": " Thanks for watching!",
        "no_speech_prob": 0.95,
        "avg_logprob": -1.2,
    }
    server.script = [spoken("Thanks for watching!", segments=[invented])]

    assert (await ask(engine, load("silence.m4a"))).text == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("1.2s", 1.2), ("6m0s", 360), ("1h2m3s", 3723), ("5", 5), ("soon", None), (None, None)],
)
def test_rate_limit_durations_are_read(text: str | None, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_retry_after_may_be_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert retry_after({"retry-after": then}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": "yesterday"}) is None
