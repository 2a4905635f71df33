"""The answers of servers that speak OpenAI's transcription protocol, as tolerant as they differ.

json is `{text, usage}`, gpt-transcribe's with languages; verbose_json adds language, duration, segments
with scores, and words; diarized_json segments with speakers. whisper.cpp puts words inside segments and
has no compression_ratio; LocalAI has no scores, words under `text`, speakers, and once told times in
nanoseconds; speaches and vLLM leave usage out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from pipeline_runtime.failures import ENGINE_REFUSED, ItemProblem
from transcriber import languages
from transcriber.guards import Guarded, guard, guard_text
from transcriber.transcript import (
    Heard,
    Transcript,
    Word,
    confidence_of,
    printable,
    segments_of,
    text_of,
    words_of,
)


class _Word(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str = Field(default="", validation_alias=AliasChoices("word", "text"))
    start: float = 0.0
    end: float = 0.0


class _Segment(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start: float = 0.0
    end: float = 0.0
    text: str = ""
    speaker: str | None = None
    no_speech_prob: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    words: list[_Word] | None = None


class _Language(BaseModel):
    model_config = ConfigDict(extra="ignore")

    code: str | None = None


class Answer(BaseModel):
    """An answer in any of the forms."""

    model_config = ConfigDict(extra="ignore")

    text: str
    language: str | None = None
    languages: list[_Language | str] | None = None
    segments: list[_Segment] | None = None
    words: list[_Word] | None = None
    usage: dict[str, Any] | None = None

    @property
    def has_scores(self) -> bool:
        """Whether the engine itself says how sure it is."""
        return bool(self.segments) and all(one.avg_logprob is not None for one in self.segments or ())

    def transcript(self, seconds: float, speech: float | None) -> Transcript:
        """What is believed of it; of the sound's seconds so many are speech, None where nobody listened."""
        heard = _heard(self.segments or [], self.words or [])
        found = guard(heard, seconds, speech)
        if not heard:
            found = guard_text(self.text, seconds, seconds if speech is None else speech)
        language = languages.code(printable(self.language or self._told()))
        return Transcript(
            text=text_of(found.heard) if found.dropped else printable(self.text),
            segments=segments_of(found.heard) if found.is_timed else (),
            words=_words(found),
            language=language,
            language_checked=language is not None,
            usage=_usage(self.usage, seconds),
            dropped=found.dropped,
            confidence=confidence_of(found.heard),
        )

    def _told(self) -> str:
        first = next(iter(self.languages or []), None)
        return (first if isinstance(first, str) else first.code if first else None) or ""


def read_answer(body: bytes) -> Answer:
    """The answer in a body. Raises engine_refused for other bodies."""
    try:
        return Answer.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        raise ItemProblem(
            ENGINE_REFUSED, "What it answered is no transcript: check TRANSCRIBER_BASE_URL."
        ) from None


def _heard(segments: Sequence[_Segment], words: Sequence[_Word]) -> list[Heard]:
    """The segments, each with its own words or those of the whole that were said during it."""
    heard: list[Heard] = []
    rest = list(words)
    for number, one in enumerate(segments):
        until = segments[number + 1].start if number + 1 < len(segments) else float("inf")
        count = next((n for n, word in enumerate(rest) if word.start >= until), len(rest))
        own, rest = one.words or rest[:count], rest[count:]
        timed = tuple(Word(start=word.start, end=word.end, text=printable(word.text)) for word in own)
        heard.append(Heard(**one.model_dump(exclude={"words"}), words=timed))
    return heard


def _words(found: Guarded) -> tuple[Word, ...]:
    return words_of(found.heard) if found.is_timed else ()


def _usage(usage: dict[str, Any] | None, seconds: float) -> dict[str, float]:
    counted = ("seconds", "input_tokens", "output_tokens", "total_tokens")
    told = {name: value for name, value in (usage or {}).items() if name in counted}
    return {name: float(value) for name, value in told.items() if isinstance(value, (int, float))} or {
        "seconds": round(seconds, 3)
    }
