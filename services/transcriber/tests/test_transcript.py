"""The guards against what a model only believes to have heard."""

from __future__ import annotations

from transcriber.audio import Part
from transcriber.transcript import Heard, Transcript, credible, joined, printable, segments_of, text_of


def said(*texts: str) -> list[Heard]:
    return [Heard(float(n), n + 1.0, text) for n, text in enumerate(texts)]


def test_words_over_silence_are_dropped_by_their_scores() -> None:
    invented = Heard(0, 2, "Thank you for watching!", no_speech_prob=0.9, avg_logprob=-1.4)
    real = Heard(2, 4, "Thank you for watching!", no_speech_prob=0.9, avg_logprob=-0.3)

    assert credible([invented, real]) == [real]


def test_a_segment_that_repeats_itself_is_dropped() -> None:
    loop = Heard(0, 20, "and so on " * 30, compression_ratio=9.0)

    assert credible([loop, *said("Next point.")]) == said("Next point.")


def test_three_equal_neighbours_are_a_loop_and_two_are_not() -> None:
    assert [one.text for one in credible(said("Yes.", "yes", "Yes!", "No.", "No."))] == ["Yes.", "No.", "No."]


def test_segments_stay_inside_the_recording_and_in_order() -> None:
    heard = [Heard(-1, 2, "a"), Heard(3, 2, "b"), Heard(5, 99, "c"), Heard(5, 6, " ")]

    assert [(one.start, one.end) for one in segments_of(heard, 6.0)] == [(0, 2), (3, 3), (5, 6)]


def test_text_keeps_the_spaces_of_its_language() -> None:
    assert text_of(said(" Good morning.", " How are you?")) == "Good morning. How are you?"
    assert text_of(said("Good morning.", "How are you?")) == "Good morning. How are you?"


def test_what_no_database_takes_never_gets_into_a_transcript() -> None:
    assert printable("a\x00b\ud800c\u2028\n\td\x1b ") == "abc\u2028\n\td"


def test_parts_are_joined_with_their_times() -> None:
    one = Transcript(text="One.", segments=segments_of(said("One."), 10), usage={"seconds": 10})
    two = Transcript(text="Two.", segments=segments_of(said("Two."), 5), language="en", usage={"seconds": 5})

    whole = joined([(Part(0, 0, 10), one), (Part(1, 10, 15), two)])

    assert whole.text == "One. Two."
    assert [(one.start, one.end) for one in whole.segments] == [(0, 1), (10, 11)]
    assert whole.usage == {"seconds": 15}
    assert whole.language == "en"
