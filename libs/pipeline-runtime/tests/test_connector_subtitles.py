"""Reading subtitles."""

from __future__ import annotations

from pipeline_runtime.connectors import read_subtitles


def test_a_subtitle_ends_where_the_next_one_begins_at_the_latest() -> None:
    found = read_subtitles([(0.0, 5.0, "one"), (2.0, 0.5, "two"), (4.0, 3.0, "three")])
    assert [(one.start, one.end, one.text) for one in found] == [
        (0, 2, "one"),
        (2, 2.5, "two"),
        (4, 7, "three"),
    ]


def test_rows_without_words_are_left_out_and_lines_joined() -> None:
    found = read_subtitles([(0.0, 5.0, "one\n  more"), (1.0, 0.1, " \n"), (3.0, 1.0, "two")])
    assert [(one.end, one.text) for one in found] == [(3, "one more"), (4, "two")]


def test_rows_in_disorder_are_sorted_and_none_is_none() -> None:
    assert [one.text for one in read_subtitles([(2.0, 1.0, "late"), (1.0, 1.0, "early")])] == ["early", "late"]
    assert read_subtitles([]) == []
