"""OpenAI's behaviours, with the official client."""

from __future__ import annotations

import io
import json
import math
import re
import struct
import subprocess
import sys
import wave
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    DefaultHttpxClient,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)

from .conftest import World

KEY = {"authorization": "Bearer sk-sandbox"}
PATH = "/openai/v1/audio/transcriptions"
MODELS = [
    "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize", "gpt-transcribe",
]  # fmt: skip
TAKEN = {
    "whisper-1": {"json", "text", "srt", "verbose_json", "vtt"},
    "gpt-4o-transcribe-diarize": {"json", "text", "diarized_json"},
}


@cache
def tone(seconds: float, rate: int = 400) -> bytes:
    """A WAV file with a hum."""
    sink = io.BytesIO()
    with wave.open(sink, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        one = b"".join(struct.pack("<h", int(9000 * math.sin(n / 3))) for n in range(rate))
        out.writeframes((one * math.ceil(seconds))[: int(seconds * rate) * 2])
    return sink.getvalue()


@pytest.fixture
def client(world: World) -> Iterator[OpenAI]:
    http = DefaultHttpxClient(verify=False)  # to read all authorities takes longer than most of these tests
    base = f"{world.base}/openai/v1"
    with OpenAI(api_key="sk-sandbox", base_url=base, max_retries=0, timeout=10, http_client=http) as made:
        yield made


def speech(world: World) -> bytes:
    return world.get("/youtube/videoplayback?id=o6XNiVt8_Bs").content


def hear(client: OpenAI, body: bytes = b"", *, name: str = "call.wav", **more: Any) -> Any:
    return client.audio.transcriptions.create(
        **{"file": (name, body or tone(20)), "model": "whisper-1", **more}
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("wanted", ["json", "text", "srt", "verbose_json", "vtt", "diarized_json"])
def test_1_each_model_takes_its_formats_and_no_others(client: OpenAI, model: str, wanted: str) -> None:
    if wanted in TAKEN.get(model, {"json", "text"}):
        answer = hear(client, model=model, response_format=wanted)
        assert answer if isinstance(answer, str) else answer.text
    else:
        with pytest.raises(BadRequestError) as refused:
            hear(client, model=model, response_format=wanted)
        assert (refused.value.code, refused.value.param) == ("unsupported_value", "response_format")
        assert f"response_format '{wanted}' is not compatible with model '{model}'" in refused.value.message


WHISPER, FOUR, MINI, DIARIZE, NEW = MODELS
WORDS = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
LOGPROBS = {"include[]": "logprobs"}
VOICE = "data:audio/wav;base64,AAAA"
GRANULARITIES = "timestamp_granularities is only supported with response_format 'verbose_json'"
REFUSED = [
    *((model, WORDS | {"response_format": "json"}, "timestamp_granularities", GRANULARITIES) for model in MODELS),
    *(
        (model, LOGPROBS, "include", f"include is not compatible with model '{model}' and response_format 'json'")
        for model in (WHISPER, DIARIZE, NEW)
    ),
    *(
        (model, LOGPROBS | {"response_format": "text"}, "include",
         f"include is not compatible with model '{model}' and response_format 'text'")
        for model in (FOUR, MINI)
    ),
    (DIARIZE, {"prompt": "names"}, "prompt", "Prompt is not supported for diarization models"),
    *(
        (model, {name: "en"}, name, f"Unknown parameter: '{name}'.")
        for name in ("languages[]", "keywords[]")
        for model in MODELS[:-1]
    ),
    *(
        (model, {f"{name}[]": value}, name, f"{name} is not compatible with model '{model}'")
        for name, value in (("known_speaker_names", "Maya"), ("known_speaker_references", VOICE))
        for model in (WHISPER, FOUR, MINI, NEW)
    ),
    (DIARIZE, {"known_speaker_names[]": list("abcde"), "known_speaker_references[]": [VOICE] * 5},
     "known_speaker_names", "At most 4 known speakers are supported"),
]  # fmt: skip
TAKEN_OPTIONS = [
    (WHISPER, WORDS),
    *((model, LOGPROBS) for model in (FOUR, MINI)),
    *((model, {"prompt": "names", "language": "en"}) for model in (WHISPER, FOUR, MINI, NEW)),
    (NEW, {"languages[]": "en", "keywords[]": ["Larkfield", "CallVault"]}),
    (DIARIZE, {"known_speaker_names[]": list("abcd"), "known_speaker_references[]": [VOICE] * 4}),
]


def asked(world: World, model: str, options: dict[str, Any], name: str = "call.wav") -> httpx.Response:
    files = {"file": (name, tone(20))}
    return world.post(PATH, headers=KEY, data={"model": model, **options}, files=files)


@pytest.mark.parametrize(("model", "options", "param", "words"), REFUSED)
def test_1_an_option_of_another_model_is_refused_by_its_name(
    world: World, model: str, options: dict[str, Any], param: str, words: str
) -> None:
    answer = asked(world, model, options)
    code = {"Unk": "unknown_parameter", "At ": "invalid_value"}.get(words[:3], "unsupported_value")
    error = {"message": words, "type": "invalid_request_error", "param": param, "code": code}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize(("model", "options"), TAKEN_OPTIONS)
def test_1_an_option_of_the_model_is_taken(world: World, model: str, options: dict[str, Any]) -> None:
    assert asked(world, model, options).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_1_a_format_that_is_not_known_or_cannot_be_read_is_refused_in_the_same_words(
    world: World, model: str
) -> None:
    form = {"headers": KEY, "data": {"model": model}}
    for name, body in (("call.txt", tone(20)), ("call", tone(20)), ("call.mp3", b"no sound at all" * 50)):
        answer = world.post(PATH, **form, files={"file": (name, body)})
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", "file")
        assert error["message"] == "This model does not support the format you provided."
        assert error["code"] == ("invalid_value" if name == "call.mp3" else "unsupported_value")


def test_1_options_give_what_they_ask_for(client: OpenAI) -> None:
    assert hear(client, model="gpt-4o-transcribe", include=["logprobs"]).logprobs
    answer = client.post(
        "/audio/transcriptions",
        cast_to=object,
        files={"file": ("a.wav", tone(20))},
        body={"model": "gpt-transcribe", "languages[]": "en"},
        options={"headers": {"Content-Type": "multipart/form-data"}},
    )
    assert answer["languages"]


def test_1_files_are_told_by_their_names_and_read(client: OpenAI) -> None:
    assert hear(client, name="CALL.WAV").text
    with pytest.raises(BadRequestError) as refused:
        hear(client, tone(0.05))
    assert refused.value.code == "audio_too_short"
    with pytest.raises(AuthenticationError):
        hear(client.with_options(api_key="sk-wrong"))
    with pytest.raises(NotFoundError) as missing:
        hear(client, model="whisper-9")
    assert missing.value.code == "model_not_found"


def test_1_segments_and_words_come_as_asked(client: OpenAI) -> None:
    both = hear(client, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.segments
    assert both.words
    assert (both.language, round(both.duration)) == ("english", 20)
    assert both.usage.type == "duration"
    words = hear(client, response_format="verbose_json", timestamp_granularities=["word"])
    assert words.segments is None
    assert all(word.start <= word.end <= 21 for word in words.words)
    assert hear(client, model="gpt-4o-transcribe").usage.type == "tokens"


def test_our_own_speech_is_recognised_and_the_same_file_says_the_same(world: World, client: OpenAI) -> None:
    assert hear(client, speech(world), name="a.m4a").text.startswith("Thank you for joining. We want to plan")
    assert hear(client).text == hear(client).text
    assert hear(client).text != hear(client, tone(21)).text
    world.admin("settings", openai={"text": "exactly this"})
    assert hear(client).text == "exactly this"


def test_a_real_whisper_listens_where_that_is_wished(world: World, client: OpenAI) -> None:
    world.admin("settings", openai={"listens": True})
    answer = hear(client, speech(world), name="a.m4a", response_format="verbose_json")
    assert answer.text.lower().startswith("thank you for joining")
    assert [each.start for each in answer.segments] == sorted(each.start for each in answer.segments)


def test_2_a_body_over_the_limit_is_413_that_says_server_error(world: World, client: OpenAI) -> None:
    world.admin("settings", openai={"max_bytes": 10_000})
    with pytest.raises(APIStatusError) as refused:
        hear(client)
    assert (refused.value.status_code, refused.value.type) == (413, "server_error")
    assert "Maximum content size limit (10000) exceeded (" in refused.value.message
    answer = world.post(PATH, headers=KEY, files={"file": ("a.wav", tone(20))}, data={"model": "whisper-1"})
    assert answer.json()["usage"]["seconds"] == 0


def test_3_most_models_take_1400_seconds(client: OpenAI) -> None:
    long = tone(1500)
    with pytest.raises(BadRequestError) as refused:
        hear(client, long, model="gpt-4o-transcribe")
    text = "audio duration 1500 seconds is longer than 1400 seconds which is the maximum for this model"
    assert (refused.value.code, text in refused.value.message) == ("invalid_value", True)
    with pytest.raises(BadRequestError):
        hear(client, long, model="gpt-4o-transcribe-diarize", chunking_strategy="auto")
    assert hear(client, long).text


def test_4_diarizing_over_thirty_seconds_wants_a_chunking_strategy(client: OpenAI) -> None:
    ask = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
    with pytest.raises(BadRequestError) as refused:
        hear(client, tone(31), **ask)
    assert refused.value.param == "chunking_strategy"
    assert hear(client, tone(31), **ask, chunking_strategy="auto").segments
    assert hear(client, tone(29), **ask).segments


def test_5_limits_answer_429_with_and_without_a_time(world: World, client: OpenAI) -> None:
    patient = client.with_options(max_retries=1)
    world.fault(on="openai.transcriptions", answer="openai.429")
    assert hear(patient).text
    world.fault(on="openai.transcriptions", answer="openai.429_no_header")
    with pytest.raises(RateLimitError) as refused:
        hear(client)
    assert refused.value.response.headers["x-ratelimit-reset-requests"] == "1.2s"
    assert "retry-after" not in refused.value.response.headers
    world.fault(on="openai.transcriptions", answer="openai.insufficient_quota")
    with pytest.raises(RateLimitError) as refused:
        hear(client)
    assert refused.value.code == "insufficient_quota"
    world.admin("limits/clear")
    world.admin("settings", openai={"limits": True, "requests_per_minute": 2})
    assert [hear(client) and 200 for _ in range(2)] == [200, 200]
    with pytest.raises(RateLimitError) as refused:
        hear(client)
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 60


def test_6_servers_fail_cut_and_dawdle(world: World, client: OpenAI) -> None:
    for preset in ("openai.500", "openai.503", "html.502"):
        world.fault(on="openai.transcriptions", answer=preset)
        with pytest.raises(InternalServerError):
            hear(client)
    world.fault(on="openai.transcriptions", cut="after_commit")
    with pytest.raises(APIConnectionError):
        hear(client)
    world.fault(on="openai.transcriptions", delay=60)
    with pytest.raises(APITimeoutError):
        hear(client.with_options(timeout=0.3))
    world.admin("scenario", name="openai-overloaded")
    assert hear(client.with_options(max_retries=3)).text


def test_7_segments_can_be_invented_repeated_or_too_long(world: World, client: OpenAI) -> None:
    def segments(quirk: str) -> list[Any]:
        world.admin("settings", openai={"quirk": quirk})
        return hear(client, response_format="verbose_json").segments

    last = segments("hallucination")[-1]
    assert (last.text, last.no_speech_prob > 0.6, last.avg_logprob < -1) == (
        " Thank you for watching!",
        True,
        True,
    )
    loop = segments("loop")
    assert len({each.text for each in loop[-4:]}) == 1
    assert loop[-1].compression_ratio > 2.4
    assert segments("past_end")[-1].end > 20


def test_8_no_words_are_a_good_answer(world: World, client: OpenAI) -> None:
    world.admin("settings", openai={"quirk": "empty"})
    answer = hear(client, response_format="verbose_json")
    assert (answer.text, answer.segments) == ("", [])


def test_9_speakers_begin_at_a_in_every_request_unless_they_are_known(world: World, client: OpenAI) -> None:
    ask = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
    for _ in range(2):
        found = hear(client, speech(world), name="a.m4a", **ask).segments
        assert [each.speaker for each in found] == ["A", "B", "C", "A", "B", "A"]
    known = {"known_speaker_names": ["Maya"], "known_speaker_references": ["data:audio/wav;base64,AAAA"]}
    found = hear(client, speech(world), name="a.m4a", **ask, **known).segments
    assert [each.speaker for each in found] == ["Maya", "A", "B", "Maya", "A", "Maya"]


def test_10_models_say_when_they_end_and_are_gone_afterwards(world: World, client: OpenAI) -> None:
    found = {model.id: model.to_dict().get("shutdown_date") for model in client.models.list()}
    assert list(found) == MODELS
    assert (found["whisper-1"], found["gpt-transcribe"]) == ("2027-02-26", None)
    world.admin("settings", openai={"today": "2027-02-25"})
    assert client.models.retrieve("whisper-1").id == "whisper-1"
    assert hear(client).text
    world.admin("clock", advance=86400)
    for model in MODELS[:-1]:
        with pytest.raises(NotFoundError) as gone:
            hear(client, model=model)
        assert gone.value.code == "model_not_found"
    assert hear(client, model="gpt-transcribe").text


IN_2028 = """
import runpy, time
time.time = lambda: 1_846_000_000.0
runpy.run_module("sandbox", run_name="__main__")
"""


def test_10_the_machines_date_ends_models_only_where_that_is_wished() -> None:
    late = subprocess.Popen([sys.executable, "-c", IN_2028], stdout=subprocess.PIPE, text=True)
    assert late.stdout
    base = json.loads(late.stdout.readline())["address"]
    with httpx.Client(base_url=base, headers=KEY, trust_env=False, verify=False) as http:
        found = {}
        for _ in range(2):
            today = http.get("/admin/settings").json()["openai"]["today"]
            found[today] = http.get("/openai/v1/models/whisper-1").status_code
            http.post("/admin/settings", json={"openai": {"today": None}})
    late.terminate()
    assert late.wait(10) == 0
    late.stdout.close()
    assert found == {"2026-11-22": 200, None: 404}


def test_11_every_answer_has_ids_and_reset_times_as_durations(world: World) -> None:
    form = {"data": {"model": "whisper-1"}, "files": {"file": ("a.wav", tone(20))}}
    headers = world.post(PATH, headers=KEY, **form).headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["x-ratelimit-reset-requests"] == "20ms"
    world.admin("settings", openai={"limits": True})
    world.admin("limits/clear")
    assert world.post(PATH, headers=KEY, **form).headers["x-ratelimit-reset-requests"] == "1m0s"
    world.admin("clock", advance=30)
    later = world.post(PATH, headers=KEY, **form).headers["x-ratelimit-reset-requests"]
    assert re.fullmatch(r"\d{1,2}\.\ds", later)
    assert float(later[:-1]) <= 30


def test_11_a_duration_is_written_with_its_units() -> None:
    written = {
        0: "0ms", 0.02: "20ms", 0.9994: "999ms", 0.9996: "1.0s", 1.2: "1.2s", 59.94: "59.9s", 59.97: "1m0s",
        63: "1m3s", 119.6: "2m0s", 3600: "60m0s",
    }  # fmt: skip
    code = f"from sandbox.openai.errors import duration as d; print(*map(d, {list(written)}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == list(written.values())


@pytest.mark.parametrize("model", MODELS[1:])
def test_12_answers_can_be_streamed(client: OpenAI, model: str) -> None:
    wanted = "diarized_json" if "diarize" in model else "json"
    events = list(hear(client, model=model, response_format=wanted, stream=True))
    assert events[-1].type == "transcript.text.done"
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert deltas == events[-1].text
    assert any(event.type == "transcript.text.segment" for event in events) == (wanted == "diarized_json")


def test_12_whisper_does_not_stream(world: World) -> None:
    form = {"data": {"model": "whisper-1", "stream": "true"}, "files": {"file": ("a.wav", tone(20))}}
    assert world.post(PATH, headers=KEY, **form).json()["text"]
