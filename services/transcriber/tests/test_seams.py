"""Seams between parts: no word is lost and none is doubled; and times through what was cut out."""

from __future__ import annotations

import string
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline_contracts import Segment
from transcriber.joining import clock, join
from transcriber.manifest import Piece
from transcriber.pieces import within
from transcriber.seams import stitched
from transcriber.transcript import Transcript

WORDS = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=6), min_size=12, max_size=60, unique=True)
PACE = 0.4  # seconds of a word


def heard(words: list[str], first: int, *, timed: bool = True, size: int = 5) -> Transcript:
    """What an engine makes of these words, of which the first is the recording's word number `first`."""
    groups = [words[n : n + size] for n in range(0, len(words), size)]
    starts = accumulate((len(group) for group in groups), initial=first)
    segments = tuple(
        Segment(start=start * PACE, end=(start + len(group)) * PACE, text=" ".join(group))
        for start, group in zip(starts, groups, strict=False)
    )
    return Transcript(text=" ".join(words), segments=segments if timed else ())


@given(WORDS, st.data(), st.booleans(), st.integers(1, 9))
def test_words_that_both_parts_have_are_there_once(
    words: list[str], data: st.DataObject, timed: bool, size: int
) -> None:
    end = data.draw(st.integers(6, len(words) - 1))
    start = data.draw(st.integers(end - 6, end - 2))

    first, second = stitched(
        heard(words[:end], 0, timed=timed, size=size), heard(words[start:], start, timed=timed, size=size),
        start * PACE, end * PACE,
    )  # fmt: skip

    assert f"{first.text} {second.text}".split() == words
    if timed:
        said = [word for one in (first, second) for segment in one.segments for word in segment.text.split()]
        assert said == words


@given(WORDS, st.data())
def test_words_that_the_cut_went_through_are_not_in_between(words: list[str], data: st.DataObject) -> None:
    end = data.draw(st.integers(7, len(words) - 2))
    start = end - 6
    assume({"broken", "oken"}.isdisjoint(words))

    first, second = stitched(
        heard([*words[: end - 1], "broken"], 0),
        heard(["oken", *words[start + 1 :]], start),
        start * PACE,
        end * PACE,
    )

    assert f"{first.text} {second.text}".split() == words


@given(WORDS, st.data())
def test_where_one_part_heard_nothing_of_the_moment_the_other_is_believed(
    words: list[str], data: st.DataObject
) -> None:
    end = data.draw(st.integers(7, len(words) - 2))

    first, second = stitched(
        heard(words[: end - 6], 0), heard(words[end - 6 :], end - 6), (end - 6) * PACE, end * PACE
    )

    assert f"{first.text} {second.text}".split() == words


def test_scripts_without_spaces_are_joined_by_their_characters() -> None:
    one = Transcript(
        text="今日は天気がいいですね", segments=(Segment(start=0, end=4.4, text="今日は天気がいいですね"),)
    )
    two = Transcript(
        text="いいですね散歩に行きましょう",
        segments=(Segment(start=2.4, end=8, text="いいですね散歩に行きましょう"),),
    )

    first, second = stitched(one, two, 2.4, 4.4)

    assert first.text + second.text == "今日は天気がいいですね散歩に行きましょう"


def test_a_word_that_is_said_twice_is_there_twice() -> None:
    words = ["we", "said", "no", "no", "no", "and", "then", "yes", "yes", "we", "will", "go", "home", "now"]

    first, second = stitched(heard(words[:8], 0), heard(words[2:], 2), 2 * PACE, 8 * PACE)

    assert f"{first.text} {second.text}".split() == words


SPANS = st.lists(st.tuples(st.floats(0.5, 60), st.floats(1.2, 100)), min_size=1, max_size=8)


def spans_of(lengths: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Stretches with silences in between."""
    at, found = 0.0, []
    for length, silence in lengths:
        found.append((round(at, 3), round(at + length, 3)))
        at += length + silence
    return tuple(found)


@given(SPANS, st.data())
def test_times_of_a_part_are_those_of_the_recording_within_what_it_holds(
    lengths: list[tuple[float, float]], data: st.DataObject
) -> None:
    spans = spans_of(lengths)
    number = data.draw(st.integers(0, len(spans) - 1))
    start, end = spans[number]
    at = data.draw(st.floats(0.01, end - start - 0.01)) if end - start > 0.02 else (end - start) / 2
    before = sum(b - a for a, b in spans[:number])

    assert clock(spans)(before + at) == pytest.approx(start + at, abs=0.002)


@given(SPANS)
def test_times_run_forwards_and_never_leave_the_part(lengths: list[tuple[float, float]]) -> None:
    spans = spans_of(lengths)
    told = [clock(spans)(n / 7) for n in range(int(7 * sum(length for length, _ in lengths)) + 20)]

    assert told == sorted(told)
    assert spans[0][0] <= told[0]
    assert told[-1] == spans[-1][1]


@given(SPANS, st.data())
def test_a_part_of_a_part_holds_the_same_moments(
    lengths: list[tuple[float, float]], data: st.DataObject
) -> None:
    spans = spans_of(lengths)
    whole = sum(end - start for start, end in spans)
    low = data.draw(st.floats(0, whole / 2))
    high = data.draw(st.floats(low + 0.1, whole))

    inner = within(spans, [(low, high)])

    assert sum(end - start for start, end in inner) == pytest.approx(high - low, abs=0.01)
    assert inner[0][0] == pytest.approx(clock(spans)(low), abs=0.01) or low == pytest.approx(
        sum(b - a for a, b in spans if b <= inner[0][0]), abs=0.01
    )


def piece(start: float, end: float) -> Piece:
    return Piece("key", "0" * 64, ((start, end),), end - start, end - start)


def test_parts_are_joined_in_order_with_the_times_of_the_recording() -> None:
    one = Transcript(text="One.", segments=(Segment(start=0, end=1, text="One."),))
    silent = Transcript(text="")
    two = Transcript(text="Two.", segments=(Segment(start=1, end=2, text="Two."),))

    whole = join([(piece(5, 15), one), (piece(20, 25), silent), (piece(30, 40), two)])

    assert whole.text == "One. Two."
    assert [(segment.start, segment.end) for segment in whole.segments] == [(5, 6), (31, 32)]


def test_a_part_without_times_is_a_segment_of_its_length() -> None:
    whole = join([(piece(0, 10), Transcript(text="One.")), (piece(10, 30), Transcript(text="Two."))])

    assert [(segment.start, segment.end) for segment in whole.segments] == [(0, 10), (10, 30)]
    assert join([(piece(0, 10), Transcript(text="One."))]).segments == ()
