"""Answers in each response_format, and as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.meetings.script import Line

if TYPE_CHECKING:
    from sandbox.openai.transcriptions import Heard

LANGUAGES = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "pt": "portuguese"}
THANKS = "Thank you for watching!"
REPEATS = 6


def answer(heard: Heard, headers: dict[str, str]) -> Response:
    """The whole answer at once."""
    if heard.format in ("text", "srt", "vtt"):
        made = {"text": text(heard) + "\n", "srt": _srt(heard), "vtt": _vtt(heard)}[heard.format]
        return Response(made, 200, headers, "text/plain; charset=utf-8")
    shapes = {"json": _json, "verbose_json": _verbose, "diarized_json": _diarized}
    return JSONResponse(shapes[heard.format](heard), headers=headers)


def text(heard: Heard) -> str:
    """All words."""
    return " ".join(segment["text"].strip() for segment in segments(heard))


def _json(heard: Heard) -> dict[str, Any]:
    body: dict[str, Any] = {"text": text(heard), "usage": usage(heard)}
    if heard.model.hints:
        body["languages"] = [{"code": heard.language}]
    if heard.logprobs:
        body["logprobs"] = [
            {"token": f" {word}", "logprob": -0.1, "bytes": list(f" {word}".encode())}
            for word in text(heard).split()
        ]
    return body


def _verbose(heard: Heard) -> dict[str, Any]:
    """Asking for words alone drops the segments."""
    found = segments(heard)
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": LANGUAGES.get(heard.language, heard.language),
        "duration": round(heard.seconds, 2),
        "text": text(heard),
        "usage": usage(heard),
    }
    if "segment" in heard.granularities:
        body["segments"] = found
    if "word" in heard.granularities:
        body["words"] = [word for segment in found for word in _words(segment)]
    return body


def _diarized(heard: Heard) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(heard.seconds, 2),
        "text": text(heard),
        "segments": speakers(heard),
        "usage": usage(heard),
    }


def speakers(heard: Heard) -> list[dict[str, Any]]:
    """Labels in the order of speaking; every request begins at A again."""
    labels: dict[str, str] = {}
    for line in heard.lines:
        number = len(labels)
        label = heard.names[number] if number < len(heard.names) else chr(ord("A") + number - len(heard.names))
        labels.setdefault(line.speaker, label)
    return [
        {
            "type": "transcript.text.segment", "id": f"seg_{number:03}", "start": line.start, "end": line.end,
            "text": line.text, "speaker": labels[line.speaker],
        }
        for number, line in enumerate(heard.lines, 1)
    ]  # fmt: skip


def segments(heard: Heard) -> list[dict[str, Any]]:
    """Whisper's segments, spoilt where the settings say so."""
    found = [_segment(number, line) for number, line in enumerate(heard.lines)]
    if heard.quirk == "hallucination":
        silence = Line("", THANKS, max(heard.seconds - 2, 0), heard.seconds)
        found.append(_segment(len(found), silence) | {"no_speech_prob": 0.93, "avg_logprob": -1.42})
    if heard.quirk == "loop" and found:
        last = found[-1]
        again = {**last, "compression_ratio": 4.1}
        found += [{**again, "id": last["id"] + n} for n in range(1, REPEATS + 1)]
    if heard.quirk == "past_end" and found:
        found[-1]["end"] = round(heard.seconds + 7.5, 2)
    return found


def _segment(number: int, line: Line) -> dict[str, Any]:
    return {
        "id": number, "seek": int(line.start * 100), "start": line.start, "end": line.end,
        "text": f" {line.text}",
        "tokens": [50364 + number, 50257], "temperature": 0.0, "avg_logprob": -0.21, "compression_ratio": 1.32,
        "no_speech_prob": 0.02,
    }  # fmt: skip


def _words(segment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    words = segment["text"].split()
    step = (segment["end"] - segment["start"]) / max(len(words), 1)
    for number, word in enumerate(words):
        begin = segment["start"] + number * step
        yield {"word": word.strip(".,?!"), "start": round(begin, 2), "end": round(begin + step, 2)}


def usage(heard: Heard) -> dict[str, Any]:
    """Seconds for whisper, tokens for the others."""
    if heard.model.billed == "duration":
        return {"type": "duration", "seconds": round(heard.seconds)}
    heard_tokens, said = round(heard.seconds * 10), len(text(heard).split())
    return {
        "type": "tokens", "input_tokens": heard_tokens,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard_tokens},
        "output_tokens": said, "total_tokens": heard_tokens + said,
    }  # fmt: skip


def _clock(seconds: float, point: str) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3600000:02}:{millis // 60000 % 60:02}:{millis // 1000 % 60:02}{point}{millis % 1000:03}"


def _srt(heard: Heard) -> str:
    return "".join(
        f"{s['id'] + 1}\n{_clock(s['start'], ',')} --> {_clock(s['end'], ',')}\n{s['text'].strip()}\n\n"
        for s in segments(heard)
    )


def _vtt(heard: Heard) -> str:
    cues = (
        f"{_clock(s['start'], '.')} --> {_clock(s['end'], '.')}\n{s['text'].strip()}\n\n"
        for s in segments(heard)
    )
    return "WEBVTT\n\n" + "".join(cues)


def stream(heard: Heard, headers: dict[str, str]) -> Response:
    """Deltas (or segments with speakers), then the whole text."""

    def events() -> Iterator[str]:
        if heard.format == "diarized_json":
            yield from (_event(segment) for segment in speakers(heard))
        for number, word in enumerate(text(heard).split()):
            yield _event({"type": "transcript.text.delta", "delta": word if number == 0 else f" {word}"})
        yield _event({"type": "transcript.text.done", "text": text(heard), "usage": usage(heard)})

    return StreamingResponse(events(), 200, headers, "text/event-stream; charset=utf-8")


def _event(body: dict[str, Any]) -> str:
    return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n"
