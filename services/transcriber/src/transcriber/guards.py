"""The guards against what an engine only believes to have heard. There is no list of forbidden phrases.

Speech models repeat themselves, and invent sentences over silence and noise. What is taken out says why:

- `silence`: the model itself thinks that nobody spoke, or there is no speech at all in the sound.
- `repetitive`: a segment whose text squeezes together as no speech does.
- `loop`: the same phrase over and over, within a segment, between neighbours, or over parts.
- `past_end`: words that begin after the sound has ended.
- `too_dense`: more words than anybody speaks in the time in which there is speech.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline_contracts import Segment
from transcriber.transcript import Dropped, Heard, Reason, Transcript, Word, text_of

_SILENT, _UNSURE = 0.6, -1.0  # no-speech probability above, mean log probability below
_REPETITIVE = 2.4  # compression ratio of a segment's text; of speech it is below 2
_LONG_ENOUGH = 60  # characters of a text whose ratio says anything
_LOOP = 3  # equal neighbours from which on it is a loop; people do say things twice
_PERIOD = 4  # neighbours that may repeat together
_PHRASE = 12  # words of a phrase that may repeat within a segment
_PHRASES, _PHRASE_WORDS = 4, 8  # how often, and how many words at least that makes
_FASTEST = 8.0  # words a second; auctioneers reach six
_FEW = 12  # words that are never too dense: the speech's length is not exact
_SOME_SPEECH = 0.3  # seconds
_LATE = 0.5  # seconds that a time may be past the end by rounding
_NANOSECONDS = 1e6  # no sound has as many seconds: LocalAI has told nanoseconds
_PAUSE = 5.0  # seconds after which the same words are said anew
_SHOWN = 120  # characters of what was dropped
_WIDE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)  # written without spaces
_SENTENCES = re.compile(r"(?<=[.!?…。！？])\s*")


@dataclass(frozen=True)
class Guarded:
    """What is believed, and what is not. `is_timed` is False where the engine's times are no times."""

    heard: tuple[Heard, ...]
    dropped: tuple[Dropped, ...]
    is_timed: bool = True


def guard(heard: Sequence[Heard], seconds: float, speech: float | None = None) -> Guarded:
    """What is believed of the segments of a sound of `seconds`, with times inside it and in order.

    `speech` is how many of the seconds are speech: wanted where the engine gives no scores.
    """
    kept, dropped, is_timed = _in_time([one for one in heard if one.text.strip()], seconds)
    believed: list[Heard] = []
    dense = speech is not None and _is_dense(" ".join(one.text for one in kept), speech)
    for one in kept:
        rest, reason = _judged(one, speech, dense=dense)
        if reason:
            dropped.append(_dropped(reason, one))
        if rest:
            believed.append(rest)
    stays = _loop_free(believed)
    dropped += [_dropped("loop", one) for one, stay in zip(believed, stays, strict=True) if not stay]
    believed = [one for one, stay in zip(believed, stays, strict=True) if stay]
    return Guarded(tuple(believed), tuple(dropped), is_timed)


def guard_text(text: str, seconds: float, speech: float) -> Guarded:
    """What is believed of a text without times or scores, of a sound with so many seconds of speech in it."""
    sentences = [Heard(0.0, seconds, one) for one in _SENTENCES.split(text) if one.strip()]
    found = guard(sentences, seconds, speech)
    if _is_dense(" ".join(one.text for one in found.heard), speech):
        return Guarded((), (_dropped("too_dense", Heard(0.0, seconds, text)),), is_timed=False)
    return replace(found, is_timed=False)


def loop_free(texts: Sequence[str]) -> list[bool]:
    """Which of the neighbours stay: of three and more equal ones, or equal pairs and so on, the first."""
    return _loop_free([Heard(0.0, 0.0, text) for text in texts])


def words_in(text: str) -> float:
    """How many words; where a script has no spaces, two characters are one."""
    wide = len(_WIDE.findall(text))
    return len(re.findall(r"\w+", _WIDE.sub(" ", text))) + wide / 2


def _loop_free(heard: Sequence[Heard]) -> list[bool]:
    plain = [(one.speaker, re.sub(r"\W+", " ", one.text).strip().casefold()) for one in heard]
    stays = [True] * len(plain)
    at = 0
    while at < len(plain):
        size, end = _loop_at(plain, at, _PERIOD, _LOOP, 1)
        for number in range(at + size, end):
            stays[number] = False
        at = max(end, at + 1)
    return stays


def _loop_at(plain: Sequence[object], at: int, longest: int, times: int, least: int) -> tuple[int, int]:
    """How many entries are said over and over from here, and where that ends; 0 and here where none are."""
    for size in range(1, min(longest, (len(plain) - at) // times) + 1):
        end = at + size
        while end < len(plain) and plain[end] == plain[end - size]:
            end += 1
        end -= (end - at) % size
        if end - at >= max(times * size, least):
            return size, end
    return 0, at


def _in_time(heard: list[Heard], seconds: float) -> tuple[list[Heard], list[Dropped], bool]:
    """The segments with their times mended, those after the end, and whether the times can be used at all."""
    last = max((one.end for one in heard if math.isfinite(one.end)), default=0.0)
    scaled = [_scaled(one, 1e-9) for one in heard] if last > _NANOSECONDS else heard
    late = [one for one in scaled if one.start > seconds + _LATE]
    if 2 * len(late) > len(scaled):
        return [replace(one, start=0.0, end=seconds, words=()) for one in scaled], [], False
    kept: list[Heard] = []
    before = 0.0
    for one in scaled:
        if one.start <= seconds + _LATE or not math.isfinite(one.start):
            kept.append(_mended(one, before, seconds))
            before = kept[-1].start
    dropped = [_dropped("past_end", replace(one, start=seconds, end=seconds)) for one in late]
    return kept, dropped, True


def _mended(one: Heard, before: float, seconds: float) -> Heard:
    """With times that are neither before the segment before nor after the sound's end, and run forwards."""
    start = _inside(one.start, before, seconds)
    end = _inside(one.end, start, seconds)
    words: list[Word] = []
    for word in one.words:
        begun = _inside(word.start, words[-1].start if words else start, end)
        words.append(word.model_copy(update={"start": begun, "end": _inside(word.end, begun, end)}))
    return replace(one, start=start, end=end, words=tuple(words))


def _inside(time: float, low: float, high: float) -> float:
    return min(max(time, low), high) if math.isfinite(time) else low


def _scaled(one: Heard, by: float) -> Heard:
    words = (word.model_copy(update={"start": word.start * by, "end": word.end * by}) for word in one.words)
    return replace(one, start=one.start * by, end=one.end * by, words=tuple(words))


def _judged(one: Heard, speech: float | None, *, dense: bool) -> tuple[Heard | None, Reason | None]:
    """The segment, what is left of it, or nothing; and why.

    `dense`: there are too many words in all. A single segment may be so because its times are wrong.
    """
    if one.no_speech_prob is not None and one.avg_logprob is not None:
        if one.no_speech_prob > _SILENT and one.avg_logprob < _UNSURE:
            return None, "silence"
    elif speech is not None and speech < _SOME_SPEECH:
        return None, "silence"
    elif dense and _is_dense(one.text, one.end - one.start):
        return None, "too_dense"
    return _without_repetition(one)


def _without_repetition(one: Heard) -> tuple[Heard | None, Reason | None]:
    told = one.compression_ratio
    if (_ratio(one.text) if told is None else told) <= _REPETITIVE:
        return one, None
    words = one.text.split()
    kept, begins_at_once = _unlooped(words)
    if len(kept) == len(words):
        return (one, None) if told is None else (None, "repetitive")
    if begins_at_once and len(kept) <= _PHRASE:
        return None, "repetitive"  # nothing but the loop
    space = " " if one.text.startswith(" ") else ""
    timed = tuple(one.words[n] for n in kept) if len(one.words) == len(words) else ()
    text = space + " ".join(words[n] for n in kept)
    return replace(one, text=text, words=timed, compression_ratio=None), "loop"


def _ratio(text: str) -> float:
    """How much smaller a text gets by compression, as Whisper counts it; 0 for a short one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if len(text) >= _LONG_ENOUGH else 0.0


def _unlooped(words: Sequence[str]) -> tuple[list[int], bool]:
    """Which words stay where a phrase is said over and over, and whether that begins with the first one."""
    plain = [re.sub(r"\W+", "", word).casefold() for word in words]
    kept: list[int] = []
    at, first = 0, False
    while at < len(plain):
        size, end = _loop_at(plain, at, _PHRASE, _PHRASES, _PHRASE_WORDS)
        first = first or (at == 0 and end > at)
        kept += range(at, at + max(size, 1))
        at = max(end, at + 1)
    return kept, first


def _is_dense(text: str, seconds: float) -> bool:
    return words_in(text) > max(_FEW, _FASTEST * seconds)


def _dropped(reason: Reason, one: Heard) -> Dropped:
    return Dropped(reason=reason, start=one.start, end=one.end, text=one.text.strip()[:_SHOWN])


def loops_over_parts(parts: Sequence[Transcript]) -> list[Transcript]:
    """The parts of a recording in their order, without what is said over and over from one to the next.

    Times are the recording's. What is said again after a pause is no loop; a part whose engine tells no
    times counts as one sentence that follows the one before.
    """
    flat = [(number, one) for number, part in enumerate(parts) for one in _said(part)]
    gone: dict[int, list[Segment]] = {}
    for group in _without_pauses(flat):
        stays = _loop_free([Heard(one.start, one.end, one.text, speaker=one.speaker) for _, one in group])
        for (number, segment), stay in zip(group, stays, strict=True):
            if not stay:
                gone.setdefault(number, []).append(segment)
    return [_without(part, gone.get(number, [])) for number, part in enumerate(parts)]


def _said(part: Transcript) -> Sequence[Segment]:
    return part.segments or ([Segment(start=0, end=0, text=part.text)] if part.text else [])


def _without_pauses(flat: Sequence[tuple[int, Segment]]) -> list[list[tuple[int, Segment]]]:
    """The segments in groups between which nothing is said for a while."""
    groups: list[list[tuple[int, Segment]]] = []
    for number, segment in flat:
        before = groups[-1][-1][1].end if groups else 0.0
        if groups and (segment.end == 0 or before == 0 or segment.start - before <= _PAUSE):
            groups[-1].append((number, segment))
        else:
            groups.append([(number, segment)])
    return groups


def _without(part: Transcript, gone: Sequence[Segment]) -> Transcript:
    if not gone:
        return part
    left = tuple(one for one in part.segments if all(one is not other for other in gone))
    inside = [(one.start, one.end) for one in gone]
    return part.model_copy(
        update={
            "segments": left,
            "text": text_of(left),
            "words": tuple(
                word
                for word in part.words
                if not any(start <= (word.start + word.end) / 2 <= end for start, end in inside)
            ),
            "dropped": (
                *part.dropped,
                *(Dropped(reason="loop", start=a.start, end=a.end, text=a.text[:_SHOWN]) for a in gone),
            ),
        }
    )
