"""faster-whisper as we use it: the model with its threads, numbers and batches, and a vote on the language."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import ctranslate2
import numpy as np

from transcriber import languages
from transcriber.audio import Part
from transcriber.engines.engine import PartAudio
from transcriber.speech import speech_seconds

_MOST_THREADS = 8  # more make it slower
_GPU_BATCH = 16
_ENDS = (".", "?", "!", "…", "。", "？", "！")
_PAUSE = 1.0  # seconds between two words of different sentences
_VOTES, _BALLOT = 5, 30.0  # windows that are asked for their language, and seconds of each

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class LocalOptions:
    """How the model runs here; None where the machine decides. `words`: with the times of words.

    `batch_size` is how many half minutes are worked on together: 1 is one after another, each with a
    second try at what went wrong, which batches do not have.
    """

    device: Device = "auto"
    compute_type: str | None = None
    threads: int | None = None
    batch_size: int | None = None
    words: bool = False


class Whisper:
    """A loaded model."""

    def __init__(self, model: Any, *, batch_size: int, words: bool) -> None:
        self.model = model
        self.batch_size = batch_size
        self.is_multilingual = bool(model.model.is_multilingual)
        self.languages = frozenset(str(one) for one in model.supported_languages)
        self.words = words

    def segments(
        self,
        samples: np.ndarray[Any, np.dtype[np.floating[Any]]],
        *,
        language: str | None,
        prompt: str | None,
        hotwords: str | None,
    ) -> Iterable[Any]:
        """faster-whisper's segments, as they are made."""
        options: dict[str, Any] = {
            "language": language,
            "initial_prompt": prompt,
            "hotwords": hotwords,
            "vad_filter": True,
        }
        if self.batch_size > 1:
            from faster_whisper import BatchedInferencePipeline

            # It loses what comes after a sentence's end where it is to tell times itself: words tell them.
            found, _ = BatchedInferencePipeline(self.model).transcribe(
                samples, batch_size=self.batch_size, word_timestamps=True, **options
            )
            return _sentences(found)
        found, _ = self.model.transcribe(
            samples,
            word_timestamps=self.words,
            condition_on_previous_text=False,  # or one loop goes on for the rest of the call
            **options,
        )
        return found  # type: ignore[no-any-return]


def _sentences(segments: Iterable[Any]) -> Iterator[Any]:
    """Half minutes as sentences, which the times of their words tell apart."""
    for segment in segments:
        words: list[Any] = []
        for word in segment.words or ():
            if words and word.start - words[-1].end > _PAUSE:
                yield _of(segment, words)
                words = []
            words.append(word)
            if word.word.strip().endswith(_ENDS):
                yield _of(segment, words)
                words = []
        if words or not segment.words:
            yield _of(segment, words)


def _of(segment: Any, words: list[Any]) -> Any:
    """The part of a segment that has these words. How repetitive it is has to be seen by its own text."""
    if not words:
        return segment
    return replace(
        segment,
        text="".join(word.word for word in words),
        words=list(words),
        start=words[0].start,
        end=words[-1].end,
        compression_ratio=None,
    )


def open_model(source: str, options: LocalOptions) -> Whisper:
    """The model of a folder or a name, which may have to be fetched. Raises what the hub does."""
    from faster_whisper import WhisperModel  # takes a second; the service is up before

    on_gpu = options.device == "cuda" or (options.device == "auto" and ctranslate2.get_cuda_device_count() > 0)
    model = WhisperModel(
        source,
        device="cuda" if on_gpu else "cpu",
        compute_type=options.compute_type or ("float16" if on_gpu else "int8"),
        cpu_threads=options.threads or min(_MOST_THREADS, len(os.sched_getaffinity(0))),
    )
    return Whisper(model, batch_size=options.batch_size or (_GPU_BATCH if on_gpu else 1), words=options.words)


def detected(model: Whisper, part: PartAudio) -> str | None:
    """The language that most of the part's windows are in; None where nobody speaks in any.

    The first half minute alone, as Whisper does by itself, is too often music or a greeting.
    """
    return languages.vote(_ballots(model, part))


def _ballots(model: Whisper, part: PartAudio) -> Iterator[tuple[str, float]]:
    for start, end in ballot_windows(part.seconds):
        window = Part(0, part.part.start + start, part.part.start + end)
        if speech_seconds(part.audio, window) > 1.0:
            samples = part.samples(start, end).astype(np.float32) / 32768
            language, probability, _ = model.model.detect_language(audio=samples)
            yield language, probability


def ballot_windows(seconds: float) -> list[tuple[float, float]]:
    """Half minutes spread over a sound; one where it is short."""
    count = max(1, min(_VOTES, int(seconds // _BALLOT)))
    step = seconds / count
    return [(n * step, min(n * step + _BALLOT, seconds)) for n in range(count)]
