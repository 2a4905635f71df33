"""Labels of speakers over parts: one label never means two people."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import av
import pytest

from pipeline_contracts import Segment
from transcriber.engines import PartAudio
from transcriber.speakers import consistent, known
from transcriber.transcript import Transcript

Turn = tuple[str, float, float]
Load = Callable[[str], PartAudio]


def part(start: float, *turns: Turn, known_speakers: tuple[str, ...] = ()) -> Transcript:
    """A part in which these speak, with times from its start."""
    segments = tuple(
        Segment(start=start + a, end=start + b, speaker=name, text="Words.") for name, a, b in turns
    )
    return Transcript(text="Words.", segments=segments, known_speakers=known_speakers)


def labels(*parts: Transcript) -> list[list[str | None]]:
    return [[one.speaker for one in part.segments] for part in consistent(parts)]


def test_the_first_part_numbers_the_speakers() -> None:
    assert labels(part(0, ("B", 0, 5), ("A", 5, 9), ("B", 9, 12))) == [["Speaker 1", "Speaker 2", "Speaker 1"]]


def test_a_of_one_part_is_not_taken_for_a_of_the_next() -> None:
    found = labels(part(0, ("A", 0, 5)), part(750, ("A", 0, 5)), part(4000, ("A", 0, 5)))

    assert found == [["Speaker 1"], ["A (from 12:30)"], ["A (from 1:06:40)"]]


def test_who_was_given_as_a_clip_keeps_the_name_and_others_get_their_own() -> None:
    later = part(300, ("Speaker 2", 0, 5), ("A", 5, 9), known_speakers=("Speaker 1", "Speaker 2"))

    assert labels(part(0, ("A", 0, 5), ("B", 5, 9)), later)[1] == ["Speaker 2", "A (from 5:05)"]


def test_who_speaks_where_two_parts_overlap_is_the_same_person() -> None:
    first = part(0, ("A", 0, 100), ("B", 297, 300))
    second = part(297, ("A", 0, 3), ("B", 3, 9))

    assert labels(first, second)[1] == ["Speaker 2", "B (from 5:00)"]


def test_nobody_is_two_people_in_one_part() -> None:
    first = part(0, ("A", 290, 300))
    second = part(290, ("A", 0, 5), ("B", 5, 10))

    assert labels(first, second)[1] == ["Speaker 1", "B (from 4:55)"]


def test_names_that_an_engine_gives_by_itself_stay() -> None:
    assert labels(part(0, ("Maya", 0, 5)), part(300, ("Maya", 0, 5), ("SPEAKER_00", 5, 9))) == [
        ["Maya"],
        ["Maya", "SPEAKER_00 (from 5:05)"],
    ]


def test_parts_without_speakers_stay_as_they_are() -> None:
    silent = Transcript(text="Words.", segments=(Segment(start=0, end=1, text="Words."),))

    assert consistent([silent]) == [silent]


def test_clips_are_of_those_who_speak_most_alone_and_long_enough(load: Load) -> None:
    audio = load("standup.m4a")
    turns = [("A", 0.0, 6.0), ("B", 6.0, 7.0), ("C", 7.0, 20.0), ("D", 19.0, 22.0), ("B", 23.0, 24.0)]

    assert [one.name for one in known(audio, part(0, *turns))] == ["Speaker 1"]
    found = known(audio, part(0, ("A", 0.0, 6.0), ("C", 7.0, 20.0)))
    assert [one.name for one in found] == ["Speaker 2", "Speaker 1"]
    assert "base64" not in repr(found)
    for one, seconds in zip(found, (9.5, 6.0), strict=True):
        kind, _, data = one.clip.partition(";base64,")
        assert kind == "data:audio/mpeg"
        with av.open(io.BytesIO(base64.b64decode(data)), "r") as container:
            assert container.duration is not None
            length = container.duration / av.time_base
        assert length == pytest.approx(seconds, abs=0.2)
        assert 2 <= length <= 10


def test_no_more_clips_are_made_than_an_engine_takes(load: Load) -> None:
    turns = [(chr(ord("A") + n), n * 3.0, n * 3.0 + 2.5 + n / 10) for n in range(5)]

    found = known(load("standup.m4a"), part(0, *turns))

    assert sorted(one.name for one in found) == ["Speaker 2", "Speaker 3", "Speaker 4", "Speaker 5"]
