"""The guards against what a model only believes to have heard."""

from __future__ import annotations

import pytest

from transcriber.guards import guard, guard_text, loops_over_parts, words_in
from transcriber.transcript import Heard, Transcript, Word, segments_of


def said(*texts: str) -> list[Heard]:
    """Segments of a second each."""
    return [Heard(float(n), n + 1.0, text) for n, text in enumerate(texts)]


def reasons(heard: list[Heard], seconds: float = 60.0, speech: float | None = None) -> list[str]:
    return [one.reason for one in guard(heard, seconds, speech).dropped]


def test_words_over_silence_are_dropped_by_their_scores_and_kept_as_dropped() -> None:
    invented = Heard(0, 2, " Thank you for watching!", no_speech_prob=0.9, avg_logprob=-1.4)
    real = Heard(2, 4, " Thank you for watching!", no_speech_prob=0.9, avg_logprob=-0.3)

    found = guard([invented, real], 10)

    assert [one.start for one in found.heard] == [2]
    (dropped,) = found.dropped
    assert (dropped.reason, dropped.start, dropped.end) == ("silence", 0, 2)
    assert dropped.text == "Thank you for watching!"


def test_a_segment_that_is_nothing_but_a_loop_is_dropped() -> None:
    scored = Heard(0, 20, "and so on " * 30, compression_ratio=9.0)
    unscored = Heard(0, 60, "and so on " * 30)

    assert reasons([scored, *said("Next point.")]) == ["repetitive"]
    assert reasons([unscored, *said("Next point.")]) == ["repetitive"]
    assert [one.text for one in guard([scored, *said("Next.")], 60).heard] == ["Next."]


def test_of_a_segment_that_falls_into_a_loop_what_was_said_before_stays() -> None:
    words = ["We", "meet", "on", "Monday", "and", "then", *["thank", "you."] * 40]
    timed = tuple(Word(start=n / 4, end=n / 4 + 0.2, text=word) for n, word in enumerate(words))
    fell = Heard(0, 30, " " + " ".join(words), compression_ratio=6.0, words=timed)

    found = guard([fell], 60)

    assert [one.text for one in found.heard] == [" We meet on Monday and then thank you."]
    assert [word.text for word in found.heard[0].words] == words[:8]
    assert [one.reason for one in found.dropped] == ["loop"]


def test_speech_that_repeats_words_is_left_alone() -> None:
    talk = "No, no, no, no. I said Monday, and Monday it is, because on Monday we all have time for it."

    assert guard([Heard(0, 10, talk)], 10).dropped == ()
    assert [one.text for one in guard([Heard(0, 10, talk)], 10).heard] == [talk]


def test_three_equal_neighbours_are_a_loop_and_two_are_not() -> None:
    found = guard(said("Yes.", "yes", "Yes!", "No.", "No."), 10)

    assert [one.text for one in found.heard] == ["Yes.", "No.", "No."]
    assert [one.reason for one in found.dropped] == ["loop", "loop"]


def test_two_sentences_in_turn_are_a_loop_from_the_third_time_on() -> None:
    found = guard(said(*["I see.", "Go on."] * 3, "Thanks."), 10)

    assert [one.text for one in found.heard] == ["I see.", "Go on.", "Thanks."]


def test_three_people_who_say_the_same_are_no_loop() -> None:
    heard = [Heard(n, n + 1, "Yes.", speaker=name) for n, name in enumerate("ABC")]

    assert guard(heard, 10).dropped == ()


def test_times_stay_inside_the_sound_and_run_forwards() -> None:
    heard = [Heard(-1, 2, "a"), Heard(3, 2, "b"), Heard(1, 4, "c"), Heard(5, 99, "d"), Heard(5, 6, " ")]

    found = guard(heard, 6.0)

    assert [(one.start, one.end) for one in found.heard] == [(0, 2), (3, 3), (3, 4), (5, 6)]
    assert found.is_timed


def test_times_that_are_no_numbers_are_mended() -> None:
    found = guard([Heard(1, 2, "a"), Heard(float("nan"), float("inf"), "b")], 6.0)

    assert [(one.start, one.end) for one in found.heard] == [(1, 2), (1, 1)]


def test_words_that_begin_after_the_end_were_never_said() -> None:
    found = guard([*said("One.", "Two."), Heard(9, 12, "Subscribe!")], 6.0)

    assert [one.text for one in found.heard] == ["One.", "Two."]
    assert [(one.reason, one.start) for one in found.dropped] == [("past_end", 6.0)]


def test_nanoseconds_become_seconds() -> None:
    found = guard([Heard(0, 2.5e9, "a"), Heard(2.5e9, 5e9, "b")], 6.0)

    assert [(one.start, one.end) for one in found.heard] == [(0, 2.5), (2.5, 5)]


def test_where_most_times_are_past_the_end_there_are_none() -> None:
    found = guard([Heard(100, 200, "a"), Heard(200, 300, "b")], 6.0)

    assert (len(found.heard), found.dropped, found.is_timed) == (2, (), False)


def test_without_scores_words_without_speech_and_too_many_of_them_are_not_believed() -> None:
    many = Heard(0, 2, "one two three four five six seven eight nine ten eleven twelve " * 2)

    assert reasons(said("Thank you."), speech=0.1) == ["silence"]
    assert reasons([many, *said("And so on.")], speech=2) == ["too_dense"]
    assert reasons([many], speech=20) == []  # its times are wrong, its words are not too many
    assert reasons(said("A sentence of a few words."), speech=20) == []


def test_a_text_alone_is_compared_with_the_speech_in_its_sound() -> None:
    talk = "The budget is ready. Please send it by Friday. We meet again next week."

    assert [one.text for one in guard_text(talk, 60, 8).heard] == [
        "The budget is ready.", "Please send it by Friday.", "We meet again next week.",
    ]  # fmt: skip
    assert guard_text(talk, 60, 8).dropped == ()
    assert [one.reason for one in guard_text(talk, 60, 1).dropped] == ["too_dense"]
    assert [one.reason for one in guard_text("Thank you for watching!", 60, 0).dropped] == ["silence"]
    assert guard_text("", 60, 0).dropped == ()


def test_a_text_alone_loses_its_loop_and_keeps_the_rest() -> None:
    found = guard_text("We meet on Monday. " + "Thank you. " * 40, 60, 20)

    assert [one.text for one in found.heard] == ["We meet on Monday.", "Thank you."]
    assert len(found.dropped) == 39


@pytest.mark.parametrize(
    ("text", "count"), [("One, two... three!", 3), ("", 0), ("今日は会議です", 3.5), ("OK 今日", 2)]
)
def test_words_are_counted_in_every_script(text: str, count: float) -> None:
    assert words_in(text) == count


def test_a_phrase_that_goes_on_from_part_to_part_is_a_loop() -> None:
    bye = "Thank you for watching!"
    first = Transcript(text=f"Good morning. {bye}", segments=segments_of(said("Good morning.", bye)))
    second = Transcript(
        text=bye,
        segments=segments_of([Heard(3, 4, bye)]),
        words=(Word(start=3, end=4, text="Thank"),),
    )
    third = Transcript(text=bye, seconds=30)
    last = Transcript(text="Let us begin.", segments=segments_of([Heard(9, 10, "Let us begin.")]))

    parts = loops_over_parts([first, second, third, last])

    assert [one.text for one in parts] == [f"Good morning. {bye}", "", "", "Let us begin."]
    assert (parts[1].segments, parts[1].words) == ((), ())
    assert [one.reason for part in parts for one in part.dropped] == ["loop", "loop"]
    assert parts[0] is first


def test_the_same_words_after_a_pause_are_said_again() -> None:
    parts = [
        Transcript(text="Hello.", segments=segments_of([Heard(at, at + 1, "Hello.")])) for at in (0, 30, 60)
    ]

    assert loops_over_parts(parts) == parts


def test_what_two_parts_share_at_their_seam_is_no_loop() -> None:
    one = Transcript(text="Yes.", segments=segments_of(said("Yes.")))

    assert loops_over_parts([one, one]) == [one, one]
