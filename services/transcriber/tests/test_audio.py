"""Decoding, parts, and the small files for engines over HTTP."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline_runtime.failures import ItemProblem
from transcriber import audio, encoding
from transcriber.audio import RATE, Audio, Part, decode
from transcriber.speech import speech_seconds

SPEECH = Path(__file__).parents[3] / "tests" / "speech"
PROBLEMS: dict[str, str] = json.loads((SPEECH / "problems.json").read_text())


@pytest.mark.parametrize("name", sorted(json.loads((SPEECH / "scripts.json").read_text())))
def test_every_accepted_file_becomes_16_khz_mono(tmp_path: Path, name: str) -> None:
    reported: list[float] = []

    decoded = decode(SPEECH / name, tmp_path / "raw", reported.append)

    samples = decoded.samples()
    assert len(samples) == pytest.approx(decoded.seconds * RATE)
    assert 6 < decoded.seconds < 33
    assert np.abs(samples).max() > 5000
    assert reported == sorted(reported)
    assert bool(reported) == (decoded.seconds > 10)
    assert decoded.parts() == [Part(0, 0.0, decoded.seconds)]


@pytest.mark.parametrize("name", [name for name, code in PROBLEMS.items() if code != "no_speech"])
def test_a_bad_file_is_not_decoded(tmp_path: Path, name: str) -> None:
    with pytest.raises(ItemProblem) as caught:
        decode(SPEECH / name, tmp_path / "raw")

    assert caught.value.code == PROBLEMS[name]


def test_noise_in_the_middle_of_a_file_costs_only_that_moment(tmp_path: Path) -> None:
    data = bytearray((SPEECH / "budget.mp3").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(data)

    assert decode(broken, tmp_path / "raw").seconds == pytest.approx(7.6, abs=0.5)


@pytest.mark.parametrize("name", ["budget.mp3", "hiring.wav", "support.m4a", "interview.mov", "kitchen.webm"])
def test_whatever_is_broken_in_a_file_it_decodes_or_has_a_problem(tmp_path: Path, name: str) -> None:
    dice = random.Random(name)
    whole = (SPEECH / name).read_bytes()
    for _ in range(25):
        data = bytearray(whole)
        reach = dice.choice([100, 1000, len(data)])
        for _ in range(dice.choice([1, 5, 50])):
            data[dice.randrange(reach)] = dice.randrange(256)
        broken = tmp_path / "broken"
        broken.write_bytes(data)
        with suppress(ItemProblem):
            assert 0 < decode(broken, tmp_path / "raw").seconds < 60


def test_an_index_that_promises_more_than_decodes_is_truncated(tmp_path: Path) -> None:
    data = bytearray((SPEECH / "support.m4a").read_bytes())
    start = data.index(b"mdat") + 4
    data[start + 9000 : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start - 9000)
    hollow = tmp_path / "hollow.m4a"
    hollow.write_bytes(data)

    with pytest.raises(ItemProblem) as caught:
        decode(hollow, tmp_path / "raw")

    assert caught.value.code in ("truncated_file", "damaged_file")


def test_a_recording_longer_than_twelve_hours_is_refused_while_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "LONGEST", 3)

    with pytest.raises(ItemProblem) as caught:
        decode(SPEECH / "hiring.wav", tmp_path / "raw")

    assert caught.value.code == "too_long_for_engine"
    assert (tmp_path / "raw").stat().st_size < 7 * RATE * 2


def test_work_stops_where_progress_raises(tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        decode(SPEECH / "standup.m4a", tmp_path / "raw", stop)


def test_a_part_becomes_a_small_mp3_of_its_own_length(tmp_path: Path) -> None:
    decoded = decode(SPEECH / "standup.m4a", tmp_path / "raw")

    file = encoding.encode(decoded, Part(1, 5.0, 17.5), tmp_path / "part.mp3", max_bytes=200_000)

    assert file.stat().st_size < 200_000
    with av.open(str(file)) as container:
        assert container.duration == pytest.approx(12.5 * av.time_base, abs=0.2 * av.time_base)


@pytest.mark.parametrize(
    ("minutes", "max_bytes", "kbits"), [(10, None, 64), (100, 24 << 20, 32), (600, None, 24), (0.1, 20_000, 24)]
)
def test_the_rate_is_the_best_that_fits(minutes: float, max_bytes: int | None, kbits: int) -> None:
    assert encoding.kbits_for(minutes * 60, max_bytes) == kbits


def test_what_does_not_fit_at_the_lowest_rate_is_too_long() -> None:
    with pytest.raises(ItemProblem) as caught:
        encoding.kbits_for(3 * 3600, 24 << 20)

    assert caught.value.code == "too_long_for_engine"


def spoken(audio: Audio) -> float:
    """Seconds of speech in all of it."""
    return speech_seconds(audio, Part(0, 0.0, audio.seconds))


def test_speech_is_told_from_silence_and_from_a_tone(tmp_path: Path) -> None:
    tone = tmp_path / "tone.raw"
    seconds = np.arange(8 * RATE) / RATE
    tone.write_bytes((12000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2").tobytes())

    assert spoken(decode(SPEECH / "budget.mp3", tmp_path / "a")) > 1
    assert spoken(decode(SPEECH / "silence.m4a", tmp_path / "b")) == 0
    assert spoken(Audio(tone, 8.0)) == 0


def test_speech_after_minutes_of_silence_is_found(tmp_path: Path) -> None:
    early = decode(SPEECH / "hiring.wav", tmp_path / "early")
    late = tmp_path / "late.raw"
    late.write_bytes(bytes(150 * RATE * 2) + early.path.read_bytes())

    assert spoken(Audio(late, 150 + early.seconds)) == pytest.approx(spoken(early), rel=0.1)
