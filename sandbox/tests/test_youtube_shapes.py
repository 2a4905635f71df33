"""YouTube's answers against the smallest bodies that the real library tells apart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from .conftest import World
from .test_youtube import GOOD, ask, embed, play, tracks

SHAPES = json.loads((Path(__file__).parent / "youtube-minimal-responses.json").read_text())


def check(found: Any, wanted: Any, at: str = "") -> None:
    """All that `wanted` has is in `found`, of the same type; every row of a list is like the first one."""
    assert type(found) is type(wanted), at
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert key in found, f"{at}.{key}"
            check(found[key], value, f"{at}.{key}")
    if isinstance(wanted, list):
        assert found, at
        for row in found:
            check(row, wanted[0], at)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("RequestBlocked", "bot"),
        ("AgeRestricted", "age"),
        ("VideoUnavailable", "unavailable"),
        ("VideoUnplayable", "private"),
        ("TranscriptsDisabled", "disabled"),
    ],
)
def test_2_a_refusal_of_the_player_has_the_status_and_the_words(world: World, kind: str, mode: str) -> None:
    world.admin("meetings/change", meeting=GOOD, mode=mode)
    answer = play(world)
    assert answer.status_code == 200
    check(answer.json(), SHAPES[kind])
    found, wanted = answer.json()["playabilityStatus"], SHAPES[kind]["playabilityStatus"]
    assert (found["status"], found.get("reason")) == (wanted["status"], wanted.get("reason"))
    assert "captions" not in answer.json()


def test_2_a_members_video_is_unplayable_with_a_reason_of_its_own(world: World) -> None:
    world.admin("meetings/change", meeting=GOOD, mode="members")
    found = play(world).json()
    check(found, SHAPES["VideoUnplayable"])
    assert found["playabilityStatus"]["status"] == "UNPLAYABLE"


def test_2_a_block_answers_as_the_player_or_as_a_page(world: World) -> None:
    world.admin("settings", youtube={"blocked": "bot"})
    assert play(world).json() == SHAPES["RequestBlocked"]
    (wanted,) = re.findall(r'class="[^"]+"', SHAPES["IpBlocked_html"])
    world.admin("settings", youtube={"blocked": "recaptcha", "blocked_at": ["watch"]})
    by_setting = ask(world, "watch")
    world.admin("settings", youtube={"blocked": "no"})
    world.fault(on="youtube.watch", answer="youtube.recaptcha")
    for page in (by_setting, ask(world, "watch")):
        assert (page.status_code, wanted in page.text, "INNERTUBE" in page.text) == (200, True, False)
    world.admin("settings", youtube={"blocked": "429", "blocked_at": ["watch", "player", "timedtext"]})
    status = int(SHAPES["IpBlocked_http"].split()[1])
    assert [ask(world, step).status_code for step in ("watch", "player", "timedtext")] == [status] * 3


def test_2_tracks_that_want_a_token_and_text_that_is_empty(world: World) -> None:
    mark = SHAPES["PoTokenRequired"].rpartition(" ")[2]
    assert not [track for track in tracks(world) if mark in track["baseUrl"]]
    world.admin("meetings/change", meeting=GOOD, mode="po_token")
    assert all(mark in track["baseUrl"] for track in tracks(world))
    world.admin("meetings/change", meeting=GOOD, mode="empty")
    answer = world.get(tracks(world)[0]["baseUrl"])
    assert (answer.status_code, answer.content) == (200, b"")


def test_2_what_plays_has_the_key_the_tracks_and_the_text(world: World) -> None:
    key = re.compile(r'"INNERTUBE_API_KEY": "([a-zA-Z0-9_-]+)"')  # a space behind the colon, as in the file
    assert key.search(SHAPES["watch_html_ok"])
    assert key.search(ask(world, "watch").text)
    found = play(world).json()
    wanted = SHAPES["player_ok"]
    (track,) = wanted["captions"]["playerCaptionsTracklistRenderer"]["captionTracks"]
    machine = [each for each in tracks(world) if each.get("kind") == track["kind"]]
    assert machine
    check(machine, [track])
    del track["kind"]  # made by hand: as the other, without it
    check(found, wanted)
    assert found["playabilityStatus"]["status"] == wanted["playabilityStatus"]["status"]
    text = world.get(tracks(world)[0]["baseUrl"].replace("&fmt=srv3", "")).text
    head, _, _ = SHAPES["timedtext_ok"].partition("<text")
    assert text.startswith(head)
    fields = ElementTree.fromstring(SHAPES["timedtext_ok"])[0].attrib.keys()
    assert all((row.tag, row.attrib.keys()) == ("text", fields) for row in ElementTree.fromstring(text))


def test_2_the_consent_page_has_the_form_and_its_value(world: World) -> None:
    world.admin("settings", youtube={"consent_page": "always"})
    page = ask(world, "watch").text
    for wanted in (r'<form action="https://consent.youtube.com/s"', r'name="v" value="cb\.\d{8}'):
        assert re.search(wanted, SHAPES["consent_html"])
        assert re.search(wanted, page)


def test_2_the_title_has_its_fields_and_its_errors_their_words(world: World) -> None:
    found = embed(world).json()
    check(found, SHAPES["oembed_ok"])
    assert found.keys() == SHAPES["oembed_ok"].keys()

    def refused(choice: str) -> httpx.Response:
        world.admin("meetings/change", meeting=GOOD, oembed=choice)
        return embed(world)

    answers = [embed(world, "short"), *map(refused, ("unauthorized", "forbidden", "not_found"))]
    said = {str(each.status_code): each.text for each in answers}
    assert said == {status: text.partition(" (")[0] for status, text in SHAPES["oembed_errors"].items()}
    assert not [each for each in answers if "json" in each.headers["content-type"]]
