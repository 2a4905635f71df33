"""Which captions are taken."""

from __future__ import annotations

import pytest
from requests import Session
from youtube_transcript_api import Transcript

from youtube_connector.youtube import best


def tracks(*codes: str) -> list[Transcript]:
    """`en` is made by hand, `en:asr` by machine."""
    with Session() as session:
        return [
            Transcript(session, "id", "", code, code.partition(":")[0], code.endswith(":asr"), [])
            for code in codes
        ]


@pytest.mark.parametrize(
    ("offered", "wanted", "taken"),
    [
        (["de", "en", "en:asr"], "", "en"),
        (["de", "en-GB", "en:asr"], "", "en-GB"),
        (["de", "en:asr"], "", "en:asr"),
        (["de", "fr:asr"], "", "fr:asr"),
        (["fr", "de"], "", "fr"),
        (["de:asr", "en:asr"], "", "de:asr"),
        (["de", "en", "de:asr"], "en", "en"),
        (["de", "de:asr", "en:asr"], "en", "en:asr"),
        (["de", "de:asr"], "en", "de"),
    ],
)
def test_the_language_wished_for_comes_before_the_spoken_one_and_hands_before_machines(
    offered: list[str], wanted: str, taken: str
) -> None:
    assert best(tracks(*offered), wanted).language == taken
