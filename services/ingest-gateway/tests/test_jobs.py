"""Jobs, retries and the library over HTTP."""

import json
from uuid import UUID, uuid4

import pytest
from tests.support.eventually import eventually
from tests.support.gateway import SPEECH, Gateway, add_recording, fail_item, upload, upload_speech

from pipeline_contracts import IMPORT_AUDIO, AudioReceived, decode

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAMES = ("budget.mp3", "hiring.wav", "support.m4a")


async def test_jobs_come_newest_first_and_page_by_page(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    made = [(await upload_speech(client, name)).json()["job_id"] for name in NAMES]
    first = (await client.get("/api/jobs", params={"limit": 2})).json()
    second = (await client.get("/api/jobs", params={"limit": 2, "before": first["next_before"]})).json()

    assert [job["id"] for job in first["jobs"] + second["jobs"]] == made[::-1]
    assert second["next_before"] is None
    assert set(first["jobs"][0]) == {
        "id", "source_app", "account_id", "trigger", "title", "status", "found", "imported", "duplicates", "failed",
        "skipped", "open", "seen", "code", "message", "version", "created_at", "started_at", "ended_at",
        "cancel_requested_at",
    }  # fmt: skip
    assert [job["title"] for job in first["jobs"]] == ["support", "hiring"]


async def test_a_job_shows_its_items(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    told = (await upload_speech(client, "budget.mp3")).json()
    job = (await client.get(f"/api/jobs/{told['job_id']}")).json()

    assert (job["status"], job["found"], job["open"]) == ("running", 1, 1)
    assert job["items"] == [
        {
            "id": told["item_id"], "external_id": told["external_id"], "title": "budget", "status": "found",
            "code": None, "message": None, "retryable": False, "attempt": 1, "recording_id": None,
            "retry_at": None, "ended_at": None,
        }
    ]  # fmt: skip


async def test_a_failed_item_is_opened_again_and_its_ticket_published_with_the_next_attempt(
    gateway: Gateway,
) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    await fail_item(gateway.stack, UUID(told["item_id"]))
    failed = (await client.get(f"/api/jobs/{told['job_id']}")).json()
    answer = await client.post(f"/api/failures/{told['item_id']}/retry")

    assert (failed["status"], failed["items"][0]["code"], failed["items"][0]["retryable"]) == (
        "failed", "engine_unavailable", True,
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "item_id": told["item_id"], "job_id": told["job_id"], "attempt": 2, "outcome": "found",
    }  # fmt: skip
    books = await gateway.stack.books(UUID(told["job_id"]))
    assert (books["status"], books["open"], books["failed"]) == ("running", 1, 0)

    async def tickets() -> list[AudioReceived] | None:
        records = await gateway.stack.messages("import.audio")
        found = [
            decode(IMPORT_AUDIO, one.value, one.headers)
            for one in records
            if one.key == str(person.id).encode()
        ]
        return [one for one in found if isinstance(one, AudioReceived)] if len(found) == 2 else None

    first, second = await eventually(tickets)
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.model_copy(update={"attempt": 1}) == first
    assert (await client.post(f"/api/failures/{told['item_id']}/retry")).json()["code"] == "not_failed"


async def test_a_retry_of_what_is_in_the_library_by_now_is_a_duplicate(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    await fail_item(gateway.stack, UUID(told["item_id"]))
    known = await add_recording(gateway.stack, person, told["external_id"])
    answer = await client.post(f"/api/failures/{told['item_id']}/retry")

    assert (answer.status_code, answer.json()["outcome"]) == (202, "duplicate")
    assert (await client.get(f"/api/jobs/{told['job_id']}")).json()["items"][0]["recording_id"] == str(known)


async def test_a_retry_in_a_used_up_month_changes_nothing(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 10)", person.id)
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    answer = await client.post(f"/api/failures/{told['item_id']}/retry")
    item = (await client.get(f"/api/jobs/{told['job_id']}")).json()["items"][0]

    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
    assert (item["status"], item["code"], item["retryable"], item["attempt"]) == (
        "failed",
        "quota_exceeded",
        True,
        1,
    )


async def test_others_jobs_items_and_recordings_are_not_found(gateway: Gateway) -> None:
    person, other = await gateway.stack.person(), await gateway.stack.person()
    client, stranger = await gateway.client_of(person), await gateway.client_of(other)
    told = (await upload_speech(client, "budget.mp3")).json()
    recording = await add_recording(gateway.stack, person, "a call of mine")
    await fail_item(gateway.stack, UUID(told["item_id"]))

    for method, path in (
        ("GET", f"/api/jobs/{told['job_id']}"),
        ("GET", f"/api/jobs/{uuid4()}"),
        ("GET", f"/api/jobs/{told['job_id']}/items"),
        ("GET", f"/api/recordings/{recording}"),
        ("POST", f"/api/failures/{told['item_id']}/retry"),
        ("POST", f"/api/failures/{uuid4()}/retry"),
    ):
        answer = await stranger.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert (await stranger.get("/api/jobs")).json() == {"jobs": [], "next_before": None}
    assert (await stranger.get("/api/jobs", params={"before": told["job_id"]})).json()["jobs"] == []
    assert (await stranger.get("/api/recordings")).json() == {"recordings": [], "next_before": None, "count": 0}
    assert (await stranger.get("/api/imports")).json() == {"imports": [], "next_before": None}


async def test_the_library_shows_calls_and_one_with_its_transcript(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    made = [
        str(await add_recording(gateway.stack, person, f"call {number}", "Grüß Gott.")) for number in range(3)
    ]
    first = (await client.get("/api/recordings", params={"limit": 2})).json()
    second = (await client.get("/api/recordings", params={"before": first["next_before"]})).json()
    one = (await client.get(f"/api/recordings/{made[0]}")).json()

    assert [call["id"] for call in first["recordings"] + second["recordings"]] == made[::-1]
    assert "full_transcript" not in first["recordings"][0]
    assert (one["full_transcript"], one["transcript_length"]) == ("Grüß Gott.", 10)
    assert (one["bank_id"], one["vault_ids"], one["global_tags"]) == (str(person.bank), [str(person.vault)], [])
    assert list(one["source_metadata"]) == ["external_id", "container"]


async def test_the_items_of_a_job_come_page_by_page_as_they_were_found(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    job = await gateway.stack.job(person, [])
    for names in (["a", "b"], ["c", "d", "e"]):
        await gateway.stack.admit(job, names)
    await gateway.stack.owner.execute(
        "UPDATE sync_job_items SET status = 'failed', code = 'lost', ended_at = now() "
        "WHERE job_id = $1 AND external_id IN ('b', 'e')", job,
    )  # fmt: skip
    path, found, after = f"/api/jobs/{job}/items", [], None
    while True:
        page = (await client.get(path, params={"limit": 2} | ({"after": after} if after else {}))).json()
        found += [item["external_id"] for item in page["items"]]
        if (after := page["next_after"]) is None:
            break
    failed = (await client.get(path, params={"status": "failed"})).json()

    assert (set(found[:2]), set(found[2:]), len(found)) == ({"a", "b"}, {"c", "d", "e"}, 5)
    assert {item["external_id"] for item in failed["items"]} == {"b", "e"}
    assert (await client.get(path, params={"status": "lost"})).json()["code"] == "invalid_request"


async def test_imports_of_files_and_links_say_what_they_are_of(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    link = "https://www.youtube.com/watch?v=1"
    await gateway.stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, request) VALUES ($1, $2, 'youtube', 'manual', $3)",
        uuid4(), person.id, json.dumps({"links": [link], "options": {}}),
    )  # fmt: skip
    await gateway.stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, account_id) "
        "VALUES ($1, $2, 'zoom', 'manual', $1)", uuid4(), person.id,
    )  # fmt: skip
    linked, uploaded = (await client.get("/api/imports")).json()["imports"]
    only = (await client.get("/api/imports", params={"source_app": "file_upload"})).json()["imports"]

    assert (linked["links"], linked["item"], linked["filename"], linked["upload_id"]) == (
        [link],
        None,
        None,
        None,
    )
    assert (uploaded["filename"], uploaded["size"], uploaded["links"]) == ("budget.mp3", told["size"], [])
    assert (uploaded["item"]["id"], uploaded["item"]["status"]) == (told["item_id"], "found")
    assert [one["id"] for one in only] == [told["job_id"]]


async def test_a_page_has_bounds(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())

    for query in ("limit=0", "limit=1000", "before=me", "limit=x"):
        answer = await client.get(f"/api/jobs?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_retried_upload_uses_its_own_bytes_when_the_first_has_failed(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    content = (SPEECH / "budget.mp3").read_bytes()
    first, second = [(await upload(client, name, content)).json() for name in ("one.mp3", "two.mp3")]
    for told in (first, second):
        await fail_item(gateway.stack, UUID(told["item_id"]))
    answer = await client.post(f"/api/failures/{second['item_id']}/retry")
    ticket = json.loads(
        await gateway.stack.owner.fetchval(
            "SELECT ticket FROM sync_job_items WHERE id = $1", UUID(second["item_id"])
        )
    )

    assert (second["outcome"], answer.json()["outcome"]) == ("joined", "found")
    assert ticket["audio"]["filename"] == "two.mp3"
    assert (gateway.storage / "objects" / ticket["audio"]["key"]).read_bytes() == content
