"""Transcripts: text, segments, words, and parts joined."""

from __future__ import annotations

from transcriber.audio import Part
from transcriber.transcript import (
    Dropped,
    Heard,
    Transcript,
    Word,
    confidence_of,
    joined,
    printable,
    retimed,
    segments_of,
    text_of,
    words_of,
)


def said(*texts: str) -> list[Heard]:
    return [Heard(float(n), n + 1.0, text) for n, text in enumerate(texts)]


def test_text_keeps_the_spaces_of_its_language() -> None:
    assert text_of(said(" Good morning.", " How are you?")) == "Good morning. How are you?"
    assert text_of(said("Good morning.", "How are you?")) == "Good morning. How are you?"


def test_what_no_database_takes_never_gets_into_a_transcript() -> None:
    assert printable("a\x00b\ud800c\u2028\n\td\x1b ") == "abc\u2028\n\td"


def test_parts_are_joined_with_their_times() -> None:
    one = Transcript(text="One.", segments=segments_of(said("One.")), usage={"seconds": 10})
    two = Transcript(text="Two.", segments=segments_of(said("Two.")), language="en", usage={"seconds": 5})

    whole = joined([(Part(0, 0, 10), one), (Part(1, 10, 15), two)])

    assert whole.text == "One. Two."
    assert [(one.start, one.end) for one in whole.segments] == [(0, 1), (10, 11)]
    assert whole.usage == {"seconds": 15}
    assert whole.language == "en"


def test_every_time_of_a_transcript_moves_together() -> None:
    one = Transcript(
        text="One.",
        segments=segments_of(said("One.")),
        words=(Word(start=0, end=1, text="One."),),
        dropped=(Dropped(reason="silence", start=0, end=1),),
    )

    moved = retimed(one, lambda seconds: seconds * 2 + 10)

    for timed in (moved.segments[0], moved.words[0], moved.dropped[0]):
        assert (timed.start, timed.end) == (10, 12)
    assert moved.text == "One."


def test_words_are_given_only_where_every_segment_has_them() -> None:
    timed = Heard(0, 1, "One.", words=(Word(start=0, end=1, text="One."),))

    assert [word.text for word in words_of([timed, timed])] == ["One.", "One."]
    assert words_of([timed, Heard(1, 2, "Two.")]) == ()


def test_how_sure_an_engine_is_counts_by_length() -> None:
    assert (
        confidence_of([Heard(0, 1, "a" * 30, avg_logprob=-0.2), Heard(1, 2, "b" * 10, avg_logprob=-1)]) == -0.4
    )
    assert confidence_of(said("One.")) is None
