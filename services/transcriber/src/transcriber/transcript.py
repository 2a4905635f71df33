"""What an engine heard: a transcript, its segments and words, and what was taken out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from pipeline_contracts import Segment
from transcriber.audio import Part

Reason = Literal["silence", "loop", "repetitive", "past_end", "too_dense"]
"""Why a guard took something out; each is explained in `guards`."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Word(BaseModel):
    """A word and when it was said, in seconds as its segment's. `text` without spaces around."""

    model_config = ConfigDict(frozen=True)

    start: float
    end: float
    text: str


class Dropped(BaseModel):
    """Something that a guard took out, when and why. `text` is its beginning; the whole is not kept."""

    model_config = ConfigDict(frozen=True)

    reason: Reason
    start: float
    end: float
    text: str = ""


class Transcript(BaseModel):
    """A transcript of one part or of all. Times in seconds from the start of what was given.

    `words` is empty where the engine gives no times of words. `language` is its ISO 639-1 code, or what
    the engine calls it where we know no code; `language_checked` is False where the engine cannot tell
    languages and took the one it knows. `usage` is what the engine counts: seconds or tokens.
    `dropped` is what guards took out of text and segments. `known_speakers` are the labels that the
    engine was told beforehand: those alone mean the same person as in other parts. `confidence` is the
    mean log probability, where the engine gives it. `model` is the one that answered, `replaces` the
    configured one where that is gone, and `seconds` how much sound was sent.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    language: str | None = None
    language_checked: bool = False
    usage: dict[str, float] = {}
    dropped: tuple[Dropped, ...] = ()
    known_speakers: tuple[str, ...] = ()
    confidence: float | None = None
    model: str | None = None
    replaces: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Heard:
    """A segment as an engine gives it, with the scores that it gives; None where it gives none."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    no_speech_prob: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    words: tuple[Word, ...] = ()


_Timed = TypeVar("_Timed", Segment, Word, Dropped)


class _Text(Protocol):
    @property
    def text(self) -> str: ...


def text_of(heard: Sequence[_Text]) -> str:
    """Their words in a row. Whisper puts the space before a word where the language has spaces."""
    glue = "" if any(one.text.startswith(" ") for one in heard) else " "
    return printable(glue.join(one.text for one in heard))


def segments_of(heard: Sequence[Heard]) -> tuple[Segment, ...]:
    """The segments for a record, without empty ones."""
    texts = [(one, printable(one.text)) for one in heard]
    return tuple(
        Segment(start=round(one.start, 3), end=round(one.end, 3), text=text, speaker=one.speaker)
        for one, text in texts
        if text
    )


def words_of(heard: Sequence[Heard]) -> tuple[Word, ...]:
    """All words with their times; none where only some segments have them."""
    if any(one.text.strip() and not one.words for one in heard):
        return ()
    return tuple(word for one in heard for word in one.words)


def confidence_of(heard: Sequence[Heard]) -> float | None:
    """The mean of the segments' log probabilities, by their length in characters; None without any."""
    scored = [(one.avg_logprob, len(one.text)) for one in heard if one.avg_logprob is not None]
    total = sum(length for _, length in scored)
    return round(sum(score * length for score, length in scored) / total, 3) if total else None


def joined(parts: Sequence[tuple[Part, Transcript]]) -> Transcript:
    """One transcript of a recording's parts, times from the recording's start."""
    whole = [transcript for _, transcript in parts]
    timed = [retimed(one, partial(add, part.start)) for part, one in parts]
    usage: dict[str, float] = {}
    for transcript in whole:
        for name, value in transcript.usage.items():
            usage[name] = usage.get(name, 0) + value
    return Transcript(
        text=" ".join(one.text for one in whole if one.text),
        segments=tuple(segment for one in timed for segment in one.segments),
        language=next((one.language for one in whole if one.language), None),
        language_checked=all(one.language_checked for one in whole),
        usage=usage,
    )


def retimed(transcript: Transcript, clock: Callable[[float], float]) -> Transcript:
    """The transcript with its times as `clock` tells them: of segments, words and what was dropped."""

    def told(one: _Timed) -> _Timed:
        return one.model_copy(update={"start": clock(one.start), "end": clock(one.end)})

    return transcript.model_copy(
        update={
            "segments": tuple(told(one) for one in transcript.segments),
            "words": tuple(told(one) for one in transcript.words),
            "dropped": tuple(told(one) for one in transcript.dropped),
        }
    )


def printable(text: str) -> str:
    """The text without control characters, NUL and halves of characters, which no database takes."""
    return _UNPRINTABLE.sub("", text).strip()
