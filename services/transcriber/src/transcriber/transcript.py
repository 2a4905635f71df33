"""What an engine heard, and the guards against what it only believes to have heard.

Whisper models repeat themselves and invent sentences over silence and noise. What looks like
that by the model's own scores is dropped; there is no list of forbidden phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from pipeline_contracts import Segment
from transcriber.audio import Part

_SILENT, _UNSURE = 0.6, -1.0  # no-speech probability above, mean log probability below
_REPETITIVE = 2.4  # compression ratio of a segment's text
_LOOP = 3  # equal neighbours from which on it is a loop
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Word(BaseModel):
    """A word and when it was said, in seconds as its segment's. `text` without spaces around."""

    model_config = ConfigDict(frozen=True)

    start: float
    end: float
    text: str


class Dropped(BaseModel):
    """Something that a guard took out, when and why: `silence`, `loop`, `repetitive`, `past_end`, `too_dense`.

    `text` is its beginning; the whole is not kept.
    """

    model_config = ConfigDict(frozen=True)

    reason: str
    start: float
    end: float
    text: str = ""


class Transcript(BaseModel):
    """A transcript of one part or of all. Times in seconds from the start of what was given.

    `words` is empty where the engine gives no times of words. `language` is its ISO 639-1 code, or what
    the engine calls it where we know no code; `language_checked` is False where the engine cannot tell
    languages and took the one it knows. `usage` is what the engine counts: seconds or tokens.
    `dropped` is what guards took out of text and segments. `known_speakers` are the labels that the
    engine was told beforehand: those alone mean the same person as in other parts. `model` is the
    model that answered, and `seconds` how much sound it was sent.
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
    model: str | None = None
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


def credible(heard: Iterable[Heard]) -> list[Heard]:
    """The segments without silence that was taken for words, and without loops."""
    return _without_loops(
        [one for one in heard if one.text.strip() and not _is_silence(one) and not _is_repetitive(one)]
    )


def text_of(heard: Sequence[Heard]) -> str:
    """Their words in a row. Whisper puts the space before a word where the language has spaces."""
    glue = "" if any(one.text.startswith(" ") for one in heard) else " "
    return printable(glue.join(one.text for one in heard))


def segments_of(heard: Sequence[Heard], seconds: float) -> tuple[Segment, ...]:
    """The segments for a record: in order, inside the recording's `seconds`."""
    segments: list[Segment] = []
    for one in heard:
        start = min(max(one.start, 0.0), seconds)
        end = min(max(one.end, start), seconds)
        text = printable(one.text)
        if text:
            segments.append(Segment(start=round(start, 3), end=round(end, 3), text=text, speaker=one.speaker))
    return tuple(segments)


def joined(parts: Sequence[tuple[Part, Transcript]]) -> Transcript:
    """One transcript of a recording's parts, times from the recording's start."""
    whole = [transcript for _, transcript in parts]
    segments = [
        one.model_copy(update={"start": one.start + part.start, "end": one.end + part.start})
        for part, transcript in parts
        for one in transcript.segments
    ]
    usage: dict[str, float] = {}
    for transcript in whole:
        for name, value in transcript.usage.items():
            usage[name] = usage.get(name, 0) + value
    return Transcript(
        text=" ".join(one.text for one in whole if one.text),
        segments=tuple(segments),
        language=next((one.language for one in whole if one.language), None),
        language_checked=all(one.language_checked for one in whole),
        usage=usage,
    )


def printable(text: str) -> str:
    """The text without control characters, NUL and halves of characters, which no database takes."""
    return _UNPRINTABLE.sub("", text).strip()


def _is_silence(one: Heard) -> bool:
    if one.no_speech_prob is None or one.avg_logprob is None:
        return False
    return one.no_speech_prob > _SILENT and one.avg_logprob < _UNSURE


def _is_repetitive(one: Heard) -> bool:
    return one.compression_ratio is not None and one.compression_ratio > _REPETITIVE


def _without_loops(heard: Sequence[Heard]) -> list[Heard]:
    """Three or more equal neighbours become one; two are left, since people do say things twice."""
    kept: list[Heard] = []
    at = 0
    while at < len(heard):
        end = at
        while end < len(heard) and _plain(heard[end].text) == _plain(heard[at].text):
            end += 1
        kept += heard[at : at + 1] if end - at >= _LOOP else heard[at:end]
        at = end
    return kept


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()
