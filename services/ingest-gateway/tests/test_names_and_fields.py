"""What comes beside a file: its name, and the form's other fields."""

from datetime import UTC, datetime

import pytest

from ingest_gateway.filenames import clean_filename, clean_title, title_of
from ingest_gateway.problems import ProblemError
from ingest_gateway.upload_fields import read_fields


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Quarter 3.mp3", "Quarter 3.mp3"),
        ("Besprechung Größe.m4a", "Besprechung Größe.m4a"),
        ("Gro\u0308\u00dfe.m4a", "Grö\u00dfe.m4a"),
        ("\u200eWhatsApp \u202acall\u202c.m4a", "WhatsApp call.m4a"),
        ("the %22big%22 call.wav", 'the "big" call.wav'),
        ("  ", "recording"),
        (f"{'x' * 300}.webm", f"{'x' * 250}.webm"),
        ("🎙️ call.mp3", "🎙️ call.mp3"),
    ],
)
def test_a_name_is_shown_as_people_wrote_it(raw: str, shown: str) -> None:
    assert clean_filename(raw.encode()) == shown


def test_a_name_in_another_encoding_is_shown_as_far_as_it_goes() -> None:
    assert clean_filename("Größe.mp3".encode("latin-1")) == "Gr\ufffd\ufffde.mp3"


@pytest.mark.parametrize(
    "raw",
    [
        "../../etc/passwd",
        "a/b.mp3",
        "a\\b.mp3",
        "..",
        "a\x00b.mp3",
        "a\x1b[31m.mp3",
        "a\u2028b.mp3",
        "a\x7f.mp3",
    ],
)
def test_a_name_with_separators_or_control_characters_is_refused(raw: str) -> None:
    with pytest.raises(ProblemError) as caught:
        clean_filename(raw.encode())
    assert caught.value.code == "invalid_filename"


@pytest.mark.parametrize(
    ("name", "title"), [("Weekly.final.mp3", "Weekly.final"), (".mp3", ".mp3"), ("call", "call")]
)
def test_a_title_comes_from_the_name(name: str, title: str) -> None:
    assert title_of(name) == title


def test_a_title_is_one_line_of_at_most_a_thousand_characters() -> None:
    assert clean_title(" a\0b\n\tc ") == "a b c"
    assert len(clean_title("x" * 2000)) == 1000


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-09-14T11:30:00+02:00", datetime(2026, 9, 14, 9, 30, tzinfo=UTC)),
        ("2026-09-14T09:30:00", datetime(2026, 9, 14, 9, 30, tzinfo=UTC)),
        ("1789378200000", datetime(2026, 9, 14, 9, 30, tzinfo=UTC)),
        ("1789378200000.5", datetime(2026, 9, 14, 9, 30, 0, 500, tzinfo=UTC)),
        ("0", None),
        ("-1", None),
        ("1904-01-01T00:00:00Z", None),
        ("2999-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_last_modified_is_a_time_or_milliseconds_and_counts_if_sane(text: str, time: datetime | None) -> None:
    assert read_fields({"last_modified": text}).modified_at == time


@pytest.mark.parametrize(
    "fields", [{"last_modified": "yesterday"}, {"last_modified": "9" * 15}, {"language": "English!"}]
)
def test_a_field_that_cannot_be_read_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as caught:
        read_fields(fields)
    assert caught.value.code == "invalid_field"


def test_language_tags_are_taken_as_they_are() -> None:
    assert [read_fields({"language": tag}).language for tag in ("en", "pt-BR", "zh-Hant-TW", "")] == [
        "en", "pt-BR", "zh-Hant-TW", None,
    ]  # fmt: skip
