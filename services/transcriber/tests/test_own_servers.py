"""Servers of one's own: each answers in its own shape, and is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.engine_server import Answer, EngineServer, refusal

from pipeline_runtime.failures import ItemProblem, Transient
from transcriber.engines import Hints, PartAudio, PartTooLong, choose
from transcriber.engines.openai_protocol import OpenAIEngine
from transcriber.settings import EngineSettings
from transcriber.transcript import Transcript

Load = Callable[[str], PartAudio]
TEXT = "We have two candidates for the design team. Both of them can start in January."


@dataclass(frozen=True)
class Shape:
    """How a server answers, and what is to be understood of it."""

    body: dict[str, Any]
    times: list[tuple[float, float]]
    words: list[tuple[str, float, float]] = field(default_factory=list)
    language: str | None = "en"
    speakers: list[str | None] = field(default_factory=list)


def halves(**more: Any) -> list[dict[str, Any]]:
    """The two sentences as segments."""
    first, second = TEXT.split(". ", 1)
    return [
        {"id": 0, "start": 0.0, "end": 2.5, "text": f" {first}.", **more},
        {"id": 1, "start": 2.5, "end": 6.0, "text": f" {second}", **more},
    ]


SCORES = {"avg_logprob": -0.2, "no_speech_prob": 0.01, "temperature": 0.0, "tokens": [1]}
SHAPES = {
    "speaches": Shape(
        # no usage; scores as faster-whisper gives them; the language as a code
        {
            "task": "transcribe", "language": "en", "duration": 6.7, "text": TEXT,
            "segments": halves(**SCORES, compression_ratio=1.2, seek=0, words=None),
            "words": [{"word": " We", "start": 0.0, "end": 0.2}, {"word": " Both", "start": 2.6, "end": 2.9}],
        },
        [(0.0, 2.5), (2.5, 6.0)],
        words=[("We", 0.0, 0.2), ("Both", 2.6, 2.9)],
    ),
    "whisper.cpp": Shape(
        # no seek, no compression_ratio, words inside segments, and more about the language
        {
            "task": "transcribe", "language": "english", "duration": 6.7, "text": f" {TEXT}\n",
            "segments": halves(**SCORES, words=[{"word": " We", "start": 0.0, "end": 0.2, "probability": 0.9}]),
            "detected_language": "english", "detected_language_probability": 0.98,
            "language_probabilities": {"en": 0.98},
        },
        [(0.0, 2.5), (2.5, 6.0)],
        words=[("We", 0.0, 0.2), ("We", 2.5, 2.5)],
    ),
    "LocalAI": Shape(
        # no scores; speakers; words under another key; the times of older releases are nanoseconds
        {
            "text": TEXT, "language": "en", "duration": 6.7,
            "segments": [
                {**one, "start": one["start"] * 1e9, "end": one["end"] * 1e9, "speaker": name}
                for one, name in zip(halves(), ("SPEAKER_00", "SPEAKER_01"), strict=True)
            ],
            "words": [{"text": "We", "start": 0, "end": 2e8}, {"text": "Both", "start": 2.6e9, "end": 2.9e9}],
        },
        [(0.0, 2.5), (2.5, 6.0)],
        words=[("We", 0.0, 0.2), ("Both", 2.6, 2.9)],
        speakers=["SPEAKER_00", "SPEAKER_01"],
    ),
    "vLLM": Shape(
        # the length as text, no_speech_prob null, no usage
        {
            "language": "en", "duration": "6.7", "text": TEXT, "words": None,
            "segments": halves(**{**SCORES, "no_speech_prob": None}, compression_ratio=1.2, seek=0),
        },
        [(0.0, 2.5), (2.5, 6.0)],
    ),
    "text alone": Shape({"text": TEXT}, [], language=None),
}  # fmt: skip


async def ask(engine: OpenAIEngine, part: PartAudio, **more: Any) -> Transcript:
    try:
        return await engine.transcribe(part, on_progress=lambda _: None, **more)
    finally:
        await engine.close()


def times_of(timed: Iterable[Any]) -> list[float]:
    """Begin and end of each in a row."""
    return [time for one in timed for time in (one.start, one.end)]


def engine_at(server: EngineServer, **more: Any) -> OpenAIEngine:
    return OpenAIEngine(key=None, base_url=server.url, **more)


@pytest.mark.parametrize("name", SHAPES)
async def test_the_answer_of_each_server_is_understood(server: EngineServer, load: Load, name: str) -> None:
    shape = SHAPES[name]
    server.script = [Answer(shape.body)]

    heard = await ask(engine_at(server, words=True), load("hiring.wav"))

    assert heard.text == TEXT
    assert times_of(heard.segments) == pytest.approx([time for pair in shape.times for time in pair])
    assert [one.speaker for one in heard.segments] == (shape.speakers or [None] * len(shape.times))
    assert [word.text for word in heard.words] == [word for word, _, _ in shape.words]
    assert times_of(heard.words) == pytest.approx([time for _, *pair in shape.words for time in pair])
    assert (heard.language, heard.language_checked) == (shape.language, shape.language is not None)
    assert heard.dropped == ()
    assert server.requests[0].fields.count(("timestamp_granularities[]", "word")) == 1


async def test_a_server_without_rich_answers_is_asked_for_plain_ones_from_then_on(
    server: EngineServer, load: Load
) -> None:
    server.script = [
        Answer({"error": {"message": "Currently do not support verbose_json", "type": "BadRequestError",
                          "param": None, "code": 400}}, 400),
        Answer({"error": "response_format json is unknown"}, 400),
    ]  # fmt: skip
    server.default = Answer({"text": TEXT})
    engine, part = engine_at(server), load("hiring.wav")

    await engine.transcribe(part, on_progress=lambda _: None)
    await ask(engine, part)

    assert [one.value("response_format") for one in server.requests] == ["verbose_json", "json", None, None]


async def test_an_option_that_is_refused_is_left_out_and_the_others_stay(
    server: EngineServer, load: Load
) -> None:
    server.script = [
        refusal(400, "word timestamps are not supported", param="timestamp_granularities[]"),
        refusal(400, "no prompt", param="prompt"),
    ]
    hints = Hints(vocabulary=("Nguyen", "CallVault"))

    await ask(engine_at(server, words=True), load("hiring.wav"), hints=hints)

    names = [
        sorted(name for name, _ in one.fields if name not in ("model", "language")) for one in server.requests
    ]
    assert names == [
        ["prompt", "response_format", "timestamp_granularities[]", "timestamp_granularities[]"],
        ["prompt", "response_format"],
        ["response_format"],
    ]
    assert server.requests[0].value("prompt") == "Nguyen, CallVault"


async def test_a_refusal_that_speaks_of_what_was_not_sent_is_a_refusal(
    server: EngineServer, load: Load
) -> None:
    server.default = refusal(400, "known_speaker_names[] is not supported", param="known_speaker_names")

    with pytest.raises(ItemProblem) as caught:
        await ask(engine_at(server), load("hiring.wav"))

    assert (caught.value.code, len(server.requests)) == ("engine_refused", 1)


async def test_whisper_cpp_is_told_to_find_the_language_out(server: EngineServer, load: Load) -> None:
    settings = EngineSettings.model_validate(
        {"transcriber_base_url": server.url, "transcriber_language": "auto"}
    )
    engine = choose(settings)

    part = load("hiring.wav")
    await engine.transcribe(part, on_progress=lambda _: None)
    await engine.transcribe(part, language="de", on_progress=lambda _: None)
    await engine.close()

    assert [one.value("language") for one in server.requests] == ["auto", "de"]


@pytest.mark.parametrize(
    ("answer", "code", "is_transient"),
    [
        (Answer({"error": "failed to read audio data"}, 400), "engine_refused", False),
        (Answer({"error": {"code": 500, "message": "rpc error: could not load model", "type": ""}}, 500),
         "engine_unavailable", True),
        (Answer({"detail": "Model 'small' is not installed locally."}, 404), "engine_model_missing", False),
        (Answer({"detail": [{"loc": ["body", "model"], "msg": "Field required"}]}, 422), "engine_refused", False),
        (Answer({"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "param": "model",
                           "code": 404}}, 404), "engine_model_missing", False),
    ],
    ids=["whisper.cpp", "LocalAI", "speaches", "FastAPI", "vLLM"],
)  # fmt: skip
async def test_the_errors_of_each_server_are_understood(
    server: EngineServer, load: Load, answer: Answer, code: str, is_transient: bool
) -> None:
    server.default = answer

    with pytest.raises(ItemProblem) as caught:
        await ask(engine_at(server), load("hiring.wav"))

    assert (caught.value.code, isinstance(caught.value, Transient)) == (code, is_transient)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"error": {"message": "Maximum file size exceeded", "type": "BadRequestError", "param": None,
                          "code": 413}}, 413),
        Answer("<html><body>413 Request Entity Too Large</body></html>", 413),
    ],
    ids=["vLLM", "nginx before it"],
)  # fmt: skip
async def test_what_is_too_large_for_a_server_is_to_be_cut(
    server: EngineServer, load: Load, answer: Answer
) -> None:
    server.default = answer
    part = load("hiring.wav")

    with pytest.raises(PartTooLong) as caught:
        await ask(engine_at(server), part)

    assert (caught.value.max_bytes, caught.value.max_seconds) == (None, None)
    assert caught.value.pieces(part.seconds) == part.seconds / 2


async def test_invented_words_of_a_server_without_scores_are_found_by_listening(
    server: EngineServer, load: Load
) -> None:
    invented = {"start": 0, "end": 2, "text": "Thank you for watching!"}
    server.script = [Answer({"text": "Thank you for watching!", "segments": [invented]})]

    heard = await ask(engine_at(server), load("silence.m4a"))

    assert (heard.text, heard.segments) == ("", ())
    assert [one.reason for one in heard.dropped] == ["silence"]
