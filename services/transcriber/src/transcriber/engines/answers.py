"""The answers of servers that speak OpenAI's transcription protocol, as tolerant as they differ.

json is `{text, usage}`; verbose_json adds language, duration and segments with scores. whisper.cpp
leaves scores out, LocalAI leaves them out and names speakers, speaches leaves usage out.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_runtime.failures import ENGINE_REFUSED, ItemProblem
from transcriber.transcript import Heard, Transcript, credible, printable, segments_of, text_of


class _Segment(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start: float = 0.0
    end: float = 0.0
    text: str = ""
    speaker: str | None = None
    no_speech_prob: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str
    language: str | None = None
    languages: list[str] | None = None
    segments: list[_Segment] | None = None
    usage: dict[str, Any] | None = None


def read_answer(body: bytes, seconds: float) -> Transcript:
    """The transcript in a body; `seconds` is how long the sound was. Raises engine_refused for other bodies."""
    try:
        answer = _Answer.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        raise ItemProblem(
            ENGINE_REFUSED, "What it answered is no transcript: check TRANSCRIBER_BASE_URL."
        ) from None
    heard = [Heard(**segment.model_dump()) for segment in answer.segments or []]
    kept = credible(heard)
    language = answer.language or next(iter(answer.languages or []), None)
    return Transcript(
        text=text_of(kept) if len(kept) < len(heard) else printable(answer.text),
        segments=segments_of(kept, seconds),
        language=printable(language).lower() if language else None,
        language_checked=language is not None,
        usage=_usage(answer.usage, seconds),
    )


def _usage(usage: dict[str, Any] | None, seconds: float) -> dict[str, float]:
    counted = ("seconds", "input_tokens", "output_tokens", "total_tokens")
    told = {name: value for name, value in (usage or {}).items() if name in counted}
    return {name: float(value) for name, value in told.items() if isinstance(value, (int, float))} or {
        "seconds": round(seconds, 3)
    }
