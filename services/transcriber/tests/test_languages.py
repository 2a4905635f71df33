"""One name for each language, and parts that were heard in another one than the rest."""

from __future__ import annotations

import pytest

from transcriber.audio import Part
from transcriber.engines.whisper import ballot_windows
from transcriber.languages import better, code, outvoted, vote
from transcriber.transcript import Transcript

Heard = tuple[Part, Transcript]


def parts(*languages: str | None) -> list[Heard]:
    """Parts of five minutes each, by their languages."""
    return [
        (
            Part(number, number * 300.0, number * 300.0 + 300),
            Transcript(text="Words.", language=language, language_checked=language is not None),
        )
        for number, language in enumerate(languages)
    ]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("english", "en"),
        ("German", "de"),
        ("haitian creole", "ht"),
        ("pt-BR", "pt"),
        ("yue", "yue"),
        ("en", "en"),
        ("klingon", "klingon"),
        (" ", None),
        (None, None),
    ],
)
def test_a_language_has_one_name_however_it_is_told(told: str | None, found: str | None) -> None:
    assert code(told) == found


def test_the_language_is_what_most_windows_are_sure_of() -> None:
    music_first = [("cy", 0.4), ("en", 0.9), ("en", 0.8)]

    assert vote(music_first) == "en"
    assert vote([]) is None


def test_windows_are_spread_over_the_whole_sound() -> None:
    assert ballot_windows(12.0) == [(0.0, 12.0)]
    spread = ballot_windows(600.0)
    assert [start for start, _ in spread] == [0, 120, 240, 360, 480]
    assert all(end - start == 30 for start, end in spread)


def test_a_part_in_another_language_than_nearly_all_others_is_asked_again() -> None:
    assert outvoted(parts("en", "en", "cy", "en", None)) == ("en", [2])
    assert outvoted(parts("english", "en", "en")) == ("en", [])


@pytest.mark.parametrize("languages", [("en", "de", "en", "de"), ("en", "de"), ("en",), (None, None, None)])
def test_a_call_in_two_languages_and_a_short_one_are_left_alone(languages: tuple[str | None, ...]) -> None:
    assert outvoted(parts(*languages))[1] == []


def test_the_second_answer_counts_unless_the_engine_doubts_it() -> None:
    first = Transcript(text="Wales.", confidence=-0.4)
    sure = Transcript(text="Well.", confidence=-0.2)
    doubtful = Transcript(text="Well, er.", confidence=-1.1)

    assert better(first, sure) is sure
    assert better(first, doubtful) is first
    assert better(first, Transcript(text="Well.")).text == "Well."
    assert better(first, Transcript(text="")) is first
