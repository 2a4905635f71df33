"""The library: lists, searches, one call, its transcript as a file."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.support.gateway import Gateway, upload_speech

from ingest_gateway.indexing import AT_ONCE, LATE_SECONDS, START, Indexer
from ingest_gateway.searching import Words

from .library import STARTED, add_call, make_searchable, search

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEGMENTS = [
    {"start": 0, "end": 2.5, "speaker": "Ada <admin>", "text": "Is 3 < 4 & 5 > 4?\n--> yes"},
    {"start": 3661.25, "end": 3661.25, "speaker": None, "text": "Naïve, n'est-ce pas?"},
]


async def test_a_search_finds_beginnings_of_words_in_titles_and_transcripts(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    calls = [
        await add_call(gateway, person, "Weekly budget", "Müller says: the forecast is due."),
        await add_call(gateway, person, "Hiring", "Two candidates, ada@example.com and follow-up notes."),
    ]
    await make_searchable(gateway, *calls)

    for text, found in {
        "budg": ["Weekly budget"],
        "FORECAST weekly": ["Weekly budget"],
        "müll": ["Weekly budget"],
        "example follow up": ["Hiring"],
        "follow-up": ["Hiring"],
        "udget": [],
        "budget candidates": [],
        "' | ! & : * (": [],
        "d'); DROP": [],
        "%": [],
    }.items():
        assert await search(client, text) == found, text
    assert await search(client, "  ") == ["Hiring", "Weekly budget"]


async def test_a_search_says_in_plain_text_where_the_words_stand(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    words = " ".join(f"word{number}" for number in range(200))
    text = f"{words} and the <b>price</b> of it\n{words}"
    await make_searchable(gateway, await add_call(gateway, person, "About price & <i>cost</i>", text))
    [call] = (await client.get("/api/recordings", params={"q": "pric"})).json()["recordings"]
    title, snippet = call["match"]["title"], call["match"]["transcript"]

    assert [part["text"] for part in title] == ["About ", "pric", "e & <i>cost</i>"]
    assert [part["is_match"] for part in title] == [False, True, False]
    before, match, after = [part["text"] for part in snippet]
    assert before.startswith("… word")
    assert before.endswith("and the <b>")
    assert match == "pric"
    assert after.startswith("e</b> of it word0 ")
    assert after.endswith(" …")
    assert sum(len(part["text"]) for part in snippet) < 300


async def test_a_title_is_found_before_the_words_of_the_call_are_known(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    holder = await asyncpg.connect(gateway.stack.url("callvault_owner"))
    await holder.execute("SELECT pg_advisory_lock(x'576f7264'::integer)")  # so that nobody makes them
    call = await add_call(gateway, person, "Brand new", "Only in the transcript.")
    found = [await search(client, text) for text in ("brand", "transcript")]
    await holder.close()

    assert found == [["Brand new"], []]
    await make_searchable(gateway, call)
    assert [await search(client, text) for text in ("brand", "transcript")] == [["Brand new"]] * 2


async def test_others_calls_are_never_found(gateway: Gateway) -> None:
    person, other = await gateway.stack.person(), await gateway.stack.person()
    client, stranger = await gateway.client_of(person), await gateway.client_of(other)
    secret = f"word{uuid4().hex}"
    call = await add_call(gateway, person, "Mine", f"It is {secret}.")
    await make_searchable(gateway, call)

    assert await search(client, secret) == ["Mine"]
    for text in (secret, f"@{person.id}", str(person.id), "mine"):
        assert await search(stranger, text) == []
    for path in (f"/api/recordings/{call}", f"/api/recordings/{call}/transcript"):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_changed_transcript_is_found_by_its_new_words(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    call = await add_call(gateway, person, "Filled", "Before.")
    await make_searchable(gateway, call)
    await gateway.stack.owner.execute(
        "UPDATE recordings SET full_transcript = 'Afterwards.' WHERE id = $1", call
    )

    assert await search(client, "afterwards") == ["Filled"]
    assert await search(client, "before") == []


async def test_a_transcript_with_more_words_than_an_index_takes_is_found_by_those_it_begins_with(
    gateway: Gateway,
) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    many = " ".join(f"{number:x}{'w' * 40}" for number in range(40_000))
    call = await add_call(gateway, person, "Endless", f"{many} {'x' * 5000}")
    await make_searchable(gateway, call)

    assert await search(client, "endless 1ww") == ["Endless"]


async def test_pages_of_a_search_hold_each_call_once_in_either_order(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    calls = [
        await add_call(
            gateway, person, f"Call {number}", "Something.", recording_start_time=STARTED - timedelta(number // 2),
            source_app="zoom" if number == 3 else "fathom",
        )
        for number in range(7)
    ]  # fmt: skip
    await make_searchable(gateway, *calls)
    at_once = calls.index(max(calls[:2]))  # of the same time; of the same millisecond, maybe

    for sort in ("imported", "recorded"):
        found: list[str] = []
        query = {"q": "something", "source_app": "fathom", "limit": "2", "sort": sort}
        page = (await client.get("/api/recordings", params=query)).json()
        assert page["count"] == 6
        while True:
            found += [call["title"] for call in page["recordings"]]
            if page["next_before"] is None:
                break
            page = (await client.get("/api/recordings", params=query | {"before": page["next_before"]})).json()
            assert page["count"] is None
        assert len(set(found)) == len(found) == 6
        assert found[0] == ("Call 6" if sort == "imported" else f"Call {at_once}")


async def test_the_indexer_goes_on_where_it_was_and_looks_again_at_the_last_minutes(gateway: Gateway) -> None:
    now = 0.0
    indexer = Indexer(gateway.app.state.deps.intake, clock=lambda: now)
    person = await gateway.stack.person()
    late = [await add_call(gateway, person, "Late", "Committed late.") for _ in range(AT_ONCE + 1)]
    await make_searchable(gateway, *late)
    await gateway.stack.owner.execute("DELETE FROM recording_search WHERE recording_id = $1", late[-1])
    await make_searchable(gateway, late[-1])
    await indexer.round()
    assert indexer._floor == START
    indexer._reached.append((now, late[-1]))
    now = LATE_SECONDS + 1
    await indexer.round()

    assert indexer._floor == late[-1]
    assert indexer._after == late[-1]


async def test_words_are_letters_and_digits_of_any_script() -> None:
    words = Words("Ünïted über_all d'été 3.5 a")

    assert bool(words)
    assert not Words("!?")
    assert set(words.text.split()) == {"ünïted", "über", "all", "d", "été", "3", "5", "a"}
    marked = [part.text for part in words.mark("Das Überall, a bad ÉTÉ") if part.is_match]
    assert marked == ["Über", "a", "ÉTÉ"]


async def test_a_call_shows_how_it_came_in_and_what_found_it_again(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    call = await add_call(
        gateway, person, "Budget", "Hello.", external_id=told["external_id"], source_app="file_upload",
        imported_by_item=UUID(told["item_id"]), segments=SEGMENTS,
        metadata={"url": "javascript:alert(1)", "share_url": "https://fathom.example/share/1"},
    )  # fmt: skip
    await gateway.stack.owner.execute(
        "UPDATE sync_job_items SET status = 'imported', recording_id = $2, ended_at = now() WHERE id = $1",
        UUID(told["item_id"]), call,
    )  # fmt: skip
    again = (await upload_speech(client, "budget.mp3")).json()
    shown = (await client.get(f"/api/recordings/{call}")).json()

    assert again["outcome"] == "duplicate"
    assert [(one["status"], one["trigger"], one["filename"]) for one in shown["history"]] == [
        ("imported", "upload", "budget.mp3"), ("duplicate", "upload", None),
    ]  # fmt: skip
    assert shown["history"][1]["job_id"] == again["job_id"]
    assert shown["source_url"] == "https://fathom.example/share/1"
    assert shown["segments"][1]["speaker"] is None


async def test_a_link_that_no_browser_should_open_is_not_shown(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    for link in ("javascript:alert(1)", "https://user:pw@host/", "data:text/html,x", "http://[", 5):
        call = await add_call(gateway, person, "Odd", "Hello.", metadata={"url": link})
        assert (await client.get(f"/api/recordings/{call}")).json()["source_url"] is None


async def test_a_transcript_is_downloaded_as_text_subtitles_and_json(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    call = await add_call(
        gateway, person, 'Ä/b: "q" \u202e..', "All of it.", segments=SEGMENTS, duration=3662.0
    )
    path = f"/api/recordings/{call}/transcript"
    text, subtitles, told = [await client.get(path, params={"format": kind}) for kind in ("txt", "vtt", "json")]

    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert (
        text.headers["content-disposition"]
        == "attachment; filename=\"A b q.txt\"; filename*=UTF-8''%C3%84%20b%20q.txt"
    )
    assert text.text.splitlines()[1:] == [
        "2026-11-03 09:30 UTC", "", "[00:00:00] Ada <admin>: Is 3 < 4 & 5 > 4? --> yes",
        "[01:01:01] Naïve, n'est-ce pas?",
    ]  # fmt: skip
    assert subtitles.headers["content-type"] == "text/vtt; charset=utf-8"
    assert subtitles.text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.500\n<v Ada &lt;admin&gt;>Is 3 &lt; 4 &amp; 5 &gt; 4? --&gt; yes\n\n"
        "01:01:01.250 --> 01:01:01.251\nNaïve, n'est-ce pas?\n"
    )
    assert told.headers["content-type"] == "application/json"
    assert (json.loads(told.text)["text"], len(json.loads(told.text)["segments"])) == ("All of it.", 2)


async def test_a_downloaded_transcript_says_what_is_missing_in_it(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    gap = {"start": 2.5, "end": 600.0, "code": "engine_unavailable", "message": "Away.", "retryable": True}
    metadata = {"transcription": {"gaps": [gap]}}
    call = await add_call(gateway, person, "Partial", "All.", segments=SEGMENTS, metadata=metadata)
    path = f"/api/recordings/{call}/transcript"
    text, subtitles, told = [
        (await client.get(path, params={"format": kind})).text for kind in ("txt", "vtt", "json")
    ]

    assert [line[:11] for line in text.splitlines()[3:]] == ["[00:00:00] ", "[00:00:02] ", "[01:01:01] "]
    assert "[00:00:02] (missing until 00:10:00)" in text
    assert "\n\nNOTE Missing from 00:00:02.500 to 00:10:00.000\n\n" in subtitles
    assert json.loads(told)["gaps"] == [gap]


async def test_a_transcript_without_times_has_no_subtitles(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    call = await add_call(gateway, person, "con", "Only text.")
    path = f"/api/recordings/{call}/transcript"
    refused, text = await client.get(path, params={"format": "vtt"}), await client.get(path)

    assert (refused.status_code, refused.json()["code"]) == (409, "no_times")
    assert text.text.endswith("\n\nOnly text.\n")
    assert 'filename="_con.txt"' in text.headers["content-disposition"]
    assert (await client.get(path, params={"format": "exe"})).json()["code"] == "invalid_request"
