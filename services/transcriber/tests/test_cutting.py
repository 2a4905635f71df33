"""Cutting, for any speech and any limits: nothing said is left out, no part is too long."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from transcriber.cutting import LONG, OVERLAP, PAD, Cut, Limits, cut
from transcriber.voice import Span, stretches

LIMITS = st.builds(Limits.of, st.floats(1, 200), st.none() | st.floats(5, 200))
ROOMY = st.builds(Limits.of, st.floats(11, 200), st.none())


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Speech of any shape: monologues without a breath, hours of silence, quick turns."""
    at, spans = draw(st.integers(0, 500)), []
    for _ in range(draw(st.integers(0, 20))):
        length = draw(st.integers(8, 200) | st.integers(200, 3_000))
        spans.append((at, at + length))
        at += length + draw(st.integers(10, 100) | st.integers(100, 10_000))
    total = (spans[-1][1] if spans else 0) + draw(st.integers(0, 500))
    return spans, total


def frames(parts: list[Cut]) -> list[Span]:
    return [span for part in parts for span in part.spans]


@given(recordings(), LIMITS)
def test_all_speech_is_in_a_part_and_no_part_is_too_long(
    recording: tuple[list[Span], int], limits: Limits
) -> None:
    speech, total = recording
    parts = cut(speech, total, limits)

    kept = merged(frames(parts))
    assert all(any(a <= start and end <= b for a, b in kept) for start, end in speech)
    assert all(0 < part.length <= limits.longest for part in parts)
    assert all(0 <= start < end <= total for start, end in frames(parts))
    assert bool(parts) == bool(speech)


@given(recordings(), LIMITS)
def test_parts_follow_each_other_and_share_at_most_a_moment(
    recording: tuple[list[Span], int], limits: Limits
) -> None:
    parts = cut(*recording, limits)

    for part in parts:
        assert all(before[1] < after[0] for before, after in pairwise(part.spans))
    for before, after in pairwise(parts):
        assert before.spans[0][0] < after.spans[0][0]
        assert before.spans[-1][1] < after.spans[-1][1]
        assert before.spans[-1][1] - after.spans[0][0] in range(-(10**9), OVERLAP + 1)


@given(recordings(), ROOMY)
def test_only_long_silence_is_left_out_and_a_moment_of_it_stays(
    recording: tuple[list[Span], int], limits: Limits
) -> None:
    speech, total = recording
    kept = merged(frames(cut(speech, total, limits)))

    for before, after in pairwise(kept):
        silence = next((b[0] - a[1]) for a, b in pairwise(speech) if a[1] <= before[1] < after[0] <= b[0])
        assert silence > LONG
        assert after[0] - before[1] == silence - 2 * PAD


@given(recordings(), LIMITS)
def test_the_same_recording_gives_the_same_parts(recording: tuple[list[Span], int], limits: Limits) -> None:
    assert cut(*recording, limits) == cut(*recording, limits)


def test_a_recording_is_cut_in_its_longest_silence_near_the_wanted_length() -> None:
    speech = [(0, 800), (815, 930), (980, 1100), (1112, 1900)]

    parts = cut(speech, 1900, Limits(wanted=1000, longest=2000))

    assert [part.spans for part in parts] == [((0, 955),), ((955, 1900),)]


def test_where_nobody_takes_a_breath_two_parts_share_a_moment() -> None:
    parts = cut([(0, 2000)], 2000, Limits(wanted=1000, longest=1000))

    assert [part.spans for part in parts] == [((0, 1000),), ((920, 1920),), ((1840, 2000),)]


def test_a_short_recording_is_one_part_without_its_silence() -> None:
    (part,) = cut([(100, 200), (1000, 1100)], 2000, Limits(wanted=1000, longest=2000))

    assert part.spans == ((76, 224), (976, 1124))
    assert (part.length, part.speech) == (296, 200)


def test_clicks_are_no_speech_and_breaths_do_not_end_it() -> None:
    heard = [0.0] * 10 + [0.9] * 4 + [0.0] * 20 + [0.5] * 20 + [0.1] * 8 + [0.3, 0.4, 0.25] + [0.1] * 30

    assert stretches(iter(heard)) == [(34, 65)]


def merged(spans: list[Span]) -> list[Span]:
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole
