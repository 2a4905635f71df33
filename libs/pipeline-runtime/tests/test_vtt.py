"""Transcripts in WebVTT."""

from __future__ import annotations

from pipeline_runtime.connectors import Segment, read_vtt


def vtt(*cues: str, end: str = "\n") -> str:
    """Cues of two seconds each, five seconds apart."""
    blocks = ["WEBVTT"]
    for number, text in enumerate(cues):
        second = number * 5 + 1
        blocks.append(f"{number + 1}{end}00:00:{second:02}.230 --> 00:00:{second + 2:02}.560{end}{text}")
    return (end * 2).join(blocks) + end


def spoken(*cues: str) -> list[tuple[str | None, str]]:
    return [(one.speaker, one.text) for one in read_vtt([(0.0, vtt(*cues))])]


def test_names_before_a_colon_are_the_speakers() -> None:
    assert read_vtt([(0.0, vtt("Jane Doe: Good morning.", "Tom: Hello.", "Tom: Shall we?"))]) == [
        Segment(start=1.23, end=3.56, speaker="Jane Doe", text="Good morning."),
        Segment(start=6.23, end=8.56, speaker="Tom", text="Hello."),
        Segment(start=11.23, end=13.56, speaker="Tom", text="Shall we?"),
    ]


def test_line_ends_of_any_kind_are_read_the_same() -> None:
    cues = ("Jane Doe: One.", "Jane Doe: Two.")
    expected = read_vtt([(0.0, vtt(*cues))])
    assert len(expected) == 2
    assert read_vtt([(0.0, vtt(*cues, end="\r\n"))]) == expected
    assert read_vtt([(0.0, vtt(*cues, end="\r"))]) == expected


def test_a_cue_without_a_name_has_no_speaker_and_keeps_its_words() -> None:
    assert spoken("Jane Doe: Yes.", "And so on.") == [("Jane Doe", "Yes."), (None, "And so on.")]


def test_a_colon_in_speech_is_no_speaker() -> None:
    assert spoken(
        "Jane Doe: Remember this: we ship on Friday.",
        "So the plan is: wait.",
        "Really? Yes: really.",
        "See https://example.com or come at 10:30.",
        "Note: nobody knows.",
        "Point 6: let us see.",
    ) == [
        ("Jane Doe", "Remember this: we ship on Friday."),
        (None, "So the plan is: wait."),
        (None, "Really? Yes: really."),
        (None, "See https://example.com or come at 10:30."),
        (None, "Note: nobody knows."),
        (None, "Point 6: let us see."),
    ]


def test_a_name_in_small_letters_is_known_by_speaking_twice() -> None:
    assert spoken("anna: yes.", "anna: no.") == [("anna", "yes."), ("anna", "no.")]
    assert spoken("anna: yes.") == [(None, "anna: yes.")]


def test_names_of_any_script_and_shape_are_names() -> None:
    for name in ("Inês Duarte", "李 小龙", "Dr. Müller (ACME)", "Doe, Jane", "O'Neil-Smith Jr."):
        assert spoken(f"{name}: One.") == [(name, "One.")]


def test_voice_tags_are_speakers_too() -> None:
    assert spoken("<v Jane Doe>Good <i>morning</i>.</v>", "<v.loud Tom>Hey: you.") == [
        ("Jane Doe", "Good morning."),
        ("Tom", "Hey: you."),
    ]


def test_notes_styles_numbers_and_empty_cues_are_no_speech() -> None:
    text = "WEBVTT - a title\n\nNOTE\na note\n\nSTYLE\n::cue {}\n\n7\n00:01.000 --> 00:02.000 align:start\nTom Fox: Hi.\n\n8\n00:03.000 --> 00:04.000\n\n"
    assert read_vtt([(0.0, text)]) == [Segment(start=1.0, end=2.0, speaker="Tom Fox", text="Hi.")]


def test_lines_of_one_cue_are_one_text_and_hours_and_commas_are_read() -> None:
    text = "WEBVTT\n\n01:02:03,500 --> 01:02:04,000\nTom Fox: one\ntwo\n"
    assert read_vtt([(0.0, text)]) == [Segment(start=3723.5, end=3724.0, speaker="Tom Fox", text="one two")]


def test_files_of_one_call_follow_each_other_from_the_calls_start() -> None:
    found = read_vtt([(0.0, vtt("tom: a.")), (600.5, vtt("tom: b."))])
    assert [(one.start, one.end, one.speaker, one.text) for one in found] == [
        (1.23, 3.56, "tom", "a."),
        (601.73, 604.06, "tom", "b."),
    ]


def test_an_end_before_its_start_is_moved_and_an_empty_file_has_no_segments() -> None:
    text = "WEBVTT\n\n00:05.000 --> 00:04.000\nTom Fox: Hi.\n"
    assert read_vtt([(0.0, text)])[0].end == 5.0
    assert read_vtt([(0.0, "WEBVTT\r\n"), (1.0, "")]) == []
