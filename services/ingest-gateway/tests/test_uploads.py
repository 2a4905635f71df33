"""Files that are taken in: what is stored, what is entered, what is said."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from tests.support.eventually import eventually
from tests.support.gateway import SPEECH, Gateway, add_recording, upload, upload_speech
from tests.support.stack import Person

from pipeline_contracts import IMPORT_AUDIO, IMPORT_RESULTS, AudioReceived, about, decode
from pipeline_runtime.database import make_engine

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPOKEN = (SPEECH / "hiring.wav").read_bytes()


async def tickets_of(gateway: Gateway, person: Person) -> list[AudioReceived]:
    records = [
        one for one in await gateway.stack.messages("import.audio") if one.key == str(person.id).encode()
    ]
    found = [decode(IMPORT_AUDIO, one.value, one.headers) for one in records]
    return [one for one in found if isinstance(one, AudioReceived)]


async def nudges_of(gateway: Gateway, person: Person) -> int:
    records = [
        one for one in await gateway.stack.messages("import.results") if one.key == str(person.id).encode()
    ]
    assert all(decode(IMPORT_RESULTS, one.value, one.headers) for one in records)
    return len(records)


async def settled(gateway: Gateway, person: Person, tickets: int, nudges: int) -> None:
    async def probe() -> bool:
        return len(await tickets_of(gateway, person)) == tickets and await nudges_of(gateway, person) == nudges

    await eventually(probe)


async def test_files_that_are_switched_off_are_refused(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    off = await client.patch("/api/sources/file_upload", json={"is_active": False})
    refused = await upload_speech(client, "budget.mp3")

    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert (refused.status_code, refused.json()["code"]) == (409, "source_switched_off")
    assert refused.json()["detail"] == "You have switched Files off. Switch it on to import."
    announced = {"Tus-Resumable": "1.0.0", "Upload-Length": "100"}
    assert (await client.post("/api/uploads", headers=announced)).json()["code"] == "source_switched_off"
    await client.patch("/api/sources/file_upload", json={"is_active": True})
    assert (await upload_speech(client, "budget.mp3")).status_code == 202


async def test_a_recording_is_stored_entered_and_announced(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    client = await gateway.client_of(person)
    answer = await upload_speech(client, "budget.mp3", language="en")
    told = answer.json()
    content = (SPEECH / "budget.mp3").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()

    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/jobs/{told['job_id']}"
    assert {name: told[name] for name in told if not name.endswith("_id") or name in ("external_id", "recording_id")} == {
        "status": "running", "filename": "budget.mp3", "size": len(content), "external_id": sha256,
        "outcome": "found", "recording_id": None, "error": None,
    }  # fmt: skip
    books = await gateway.stack.books(UUID(told["job_id"]))
    assert (books["found"], books["open"], books["trigger"], books["source_app"]) == (
        1,
        1,
        "upload",
        "file_upload",
    )
    assert books["discovery_ended_at"]

    row = await gateway.stack.owner.fetchrow("SELECT * FROM uploads WHERE job_id = $1", UUID(told["job_id"]))
    assert row is not None
    assert (row["sha256"], row["size"], row["filename"]) == (sha256, len(content), "budget.mp3")
    assert row["object_key"] == f"{person.id}/{row['id']}"
    assert (gateway.storage / "objects" / row["object_key"]).read_bytes() == content

    await settled(gateway, person, tickets=1, nudges=1)
    [ticket] = await tickets_of(gateway, person)
    assert (str(ticket.job_id), str(ticket.item_id), ticket.attempt) == (told["job_id"], told["item_id"], 1)
    assert (ticket.audio.key, ticket.audio.sha256, ticket.language) == (row["object_key"], sha256, "en")
    assert ticket.draft.title == "budget"
    assert ticket.draft.recording_start_time == datetime(2026, 9, 14, 9, 30, tzinfo=UTC)
    metadata = ticket.model_dump(mode="json")["draft"]["source_metadata"]
    assert next(iter(metadata)) == "external_id"
    assert metadata["recording_start_time_from"] == "container"
    assert (metadata["container"], metadata["media_kind"], metadata["filename"]) == (
        "mp3",
        "audio",
        "budget.mp3",
    )
    assert 6 < metadata["duration"] < 8
    stored = await gateway.stack.owner.fetchval(
        "SELECT ticket FROM sync_job_items WHERE id = $1", ticket.item_id
    )
    assert AudioReceived.model_validate(json.loads(stored)) == ticket


async def test_the_message_names_its_item_and_goes_on_with_the_callers_trace(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await client.post(
        "/api/imports/file", files={"file": ("a.wav", SPOKEN)}, headers={"traceparent": trace}
    )
    await settled(gateway, person, tickets=1, nudges=1)
    [record] = [
        one for one in await gateway.stack.messages("import.audio") if one.key == str(person.id).encode()
    ]
    headers = {name: value.decode() for name, value in record.headers}
    named = about(record.headers)

    assert headers["traceparent"] == trace
    assert headers["ce_source"] == "ingest-gateway"
    assert named is not None
    assert (str(named.job), str(named.item), named.attempt) == (
        answer.json()["job_id"],
        answer.json()["item_id"],
        1,
    )


@pytest.mark.parametrize(
    ("name", "fields", "told_by", "time"),
    [
        ("support.m4a", {"last_modified": "2020-01-01T00:00:00Z"}, "container", "2026-09-14T09:30:00Z"),
        ("hiring.wav", {"last_modified": "2020-01-01T01:00:00+01:00"}, "client", "2020-01-01T00:00:00Z"),
        ("hiring.wav", {"last_modified": "1577836800000"}, "client", "2020-01-01T00:00:00Z"),
        ("hiring.wav", {"last_modified": "0"}, "arrival", None),
        ("hiring.wav", {}, "arrival", None),
    ],
)
async def test_the_start_is_the_containers_or_the_clients_or_the_arrival(
    gateway: Gateway, name: str, fields: dict[str, str], told_by: str, time: str | None
) -> None:
    begun = datetime.now(UTC)
    answer = await upload_speech(await gateway.client_of(await gateway.stack.person()), name, **fields)
    item = UUID(answer.json()["item_id"])
    draft: Any = json.loads(
        await gateway.stack.owner.fetchval("SELECT ticket -> 'draft' FROM sync_job_items WHERE id = $1", item)
    )

    assert draft["source_metadata"]["recording_start_time_from"] == told_by
    assert (
        draft["recording_start_time"] == time or datetime.fromisoformat(draft["recording_start_time"]) >= begun
    )


@pytest.mark.parametrize(
    ("name", "kind", "content_type"),
    [
        ("webinar.mp4", "video", "video/mp4"),
        ("interview.mov", "video", "video/quicktime"),
        ("kitchen.webm", "audio", "audio/webm"),
    ],
)
async def test_a_type_is_told_by_content_and_never_by_name(
    gateway: Gateway, name: str, kind: str, content_type: str
) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    answer = await upload(client, "holiday.txt", (SPEECH / name).read_bytes(), title="  My\tholiday ")
    item = (await client.get(answer.headers["location"])).json()["items"][0]
    ticket = json.loads(
        await gateway.stack.owner.fetchval("SELECT ticket FROM sync_job_items WHERE id = $1", UUID(item["id"]))
    )

    assert item["title"] == "My holiday"
    assert ticket["audio"]["content_type"] == content_type
    assert ticket["draft"]["source_metadata"]["media_kind"] == kind


async def test_ten_uploads_of_one_file_at_once_are_one_found_and_nine_that_join_it(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    client = await gateway.client_of(person)
    answers = await asyncio.gather(*(upload(client, f"{number}.wav", SPOKEN) for number in range(10)))
    outcomes = [answer.json()["outcome"] for answer in answers]

    assert {answer.status_code for answer in answers} == {202}
    assert sorted(outcomes) == ["found"] + ["joined"] * 9
    await settled(gateway, person, tickets=1, nudges=10)
    keys = await gateway.stack.owner.fetch(
        "SELECT ticket -> 'audio' ->> 'key' AS key, ticketed_at FROM sync_job_items WHERE owner_user_id = $1",
        person.id,
    )
    assert len({row["key"] for row in keys}) == 10
    assert all((gateway.storage / "objects" / row["key"]).read_bytes() == SPOKEN for row in keys)
    assert len([row for row in keys if row["ticketed_at"]]) == 1
    for answer in answers:
        assert (await gateway.stack.books(UUID(answer.json()["job_id"])))["open"] == 1


async def test_what_is_in_the_library_is_a_duplicate_and_not_kept(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    known = await add_recording(gateway.stack, person, hashlib.sha256(SPOKEN).hexdigest())
    answer = await upload(client, "again.wav", SPOKEN)

    assert answer.status_code == 202
    assert (answer.json()["outcome"], answer.json()["recording_id"]) == ("duplicate", str(known))
    assert not await gateway.stack.owner.fetchval(
        "SELECT count(*) FROM uploads WHERE owner_user_id = $1", person.id
    )
    assert not [path for path in gateway.stored() if str(person.id) in str(path)]
    await settled(gateway, person, tickets=0, nudges=1)
    assert (await gateway.stack.books(UUID(answer.json()["job_id"])))["duplicates"] == 1


async def test_another_owners_same_file_is_another_call(gateway: Gateway) -> None:
    first, second = await gateway.stack.person(), await gateway.stack.person()
    answers = [await upload(await gateway.client_of(person), "a.wav", SPOKEN) for person in (first, second)]

    assert [answer.json()["outcome"] for answer in answers] == ["found", "found"]


async def test_a_used_up_month_keeps_the_file_for_a_later_try(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 10)", person.id)
    answer = await upload(await gateway.client_of(person), "a.wav", SPOKEN)
    told = answer.json()

    assert answer.status_code == 202
    assert (told["outcome"], told["error"]["code"]) == ("quota_exceeded", "quota_exceeded")
    assert "free again on" in told["error"]["message"]
    assert [path.read_bytes() for path in gateway.stored() if str(person.id) in str(path)] == [SPOKEN]
    await settled(gateway, person, tickets=0, nudges=1)
    assert (await gateway.stack.books(UUID(told["job_id"])))["failed"] == 1


async def test_a_file_that_the_books_refuse_leaves_nothing(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    await gateway.stack.owner.execute(
        f"ALTER TABLE uploads ADD CONSTRAINT not_him CHECK (owner_user_id <> '{person.id}')"
    )
    answer = await upload(client, "a.wav", SPOKEN)
    await gateway.stack.owner.execute("ALTER TABLE uploads DROP CONSTRAINT not_him")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert not [path for path in gateway.stored() if str(person.id) in str(path)]
    assert not await gateway.stack.owner.fetchval(
        "SELECT count(*) FROM sync_jobs WHERE owner_user_id = $1", person.id
    )
    assert (await upload(client, "a.wav", SPOKEN)).json()["outcome"] == "found"


async def test_nobody_uploads_without_signing_in(gateway: Gateway) -> None:
    answer = await upload(gateway.anonymous(), "a.wav", SPOKEN)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_the_gateways_roles_cannot_write_the_library_nor_end_an_item(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    settings = gateway.app.state.deps.settings
    forbidden = (
        "INSERT INTO recordings (id) VALUES (gen_random_uuid())",
        "INSERT INTO vault_entries (vault_id) VALUES (gen_random_uuid())",
        "UPDATE sync_job_items SET status = 'imported'",
        "UPDATE sync_jobs SET imported = 1",
        "DELETE FROM recordings",
        "UPDATE import_usage SET used = 0",
    )
    for url in (settings.gateway_database_url, settings.intake_database_url):
        engine = make_engine(url, app="tests")
        for statement in forbidden:
            async with engine.connect() as connection:
                await connection.execute(
                    text("SELECT set_config('callvault.user_id', :user, true)"), {"user": str(person.id)}
                )
                with pytest.raises(Exception, match="permission denied"):
                    await connection.execute(text(statement))
        await engine.dispose()


def forms(boundary: str) -> dict[str, tuple[bytes, str]]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
    return {
        "no form at all": (b"{}", "application/json"),
        "no boundary": (b"x", "multipart/form-data"),
        "cut off": ((head % "file").encode() + b"abc", f"multipart/form-data; boundary={boundary}"),
        "no file": (
            (head % "title").encode() + f"x\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("no form at all", 415, "not_multipart"),
        ("no boundary", 415, "not_multipart"),
        ("cut off", 400, "malformed_form"),
        ("no file", 422, "missing_file"),
    ],
)
async def test_a_form_that_is_none_is_a_problem(gateway: Gateway, case: str, status: int, code: str) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    body, content_type = forms("edge")[case]
    answer = await client.post("/api/imports/file", content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def refused(gateway: Gateway, name: str, content: bytes, **fields: str) -> httpx.Response:
    person = await gateway.stack.person()
    answer = await upload(await gateway.client_of(person), name, content, **fields)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not gateway.app.state.deps.storage.left_behind()
    assert not [path for path in gateway.stored() if str(person.id) in str(path)]
    assert not await gateway.stack.owner.fetchval(
        "SELECT count(*) FROM sync_jobs WHERE owner_user_id = $1", person.id
    )
    return answer


PROBLEMS: dict[str, str] = json.loads((SPEECH / "problems.json").read_text())
STATUSES = {"not_audio": 415, "unsupported_type": 415}


@pytest.mark.parametrize("name", [name for name, code in PROBLEMS.items() if code != "no_speech"])
async def test_a_bad_file_is_refused_with_its_code_and_nothing_is_kept(gateway: Gateway, name: str) -> None:
    answer = await refused(gateway, name, (SPEECH / name).read_bytes())

    assert answer.json()["code"] == PROBLEMS[name]
    assert answer.status_code == STATUSES.get(PROBLEMS[name], 422)
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("name", ["../../etc/passwd.wav", "C:/calls/a.wav", "bell\x07.wav"])
async def test_a_name_with_separators_or_control_characters_is_refused(gateway: Gateway, name: str) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    body = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n\r\n'
    answer = await client.post(
        "/api/imports/file", content=body + SPOKEN + b"\r\n--edge--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_filename")


async def test_a_field_that_cannot_be_read_refuses_the_upload(gateway: Gateway) -> None:
    answer = await refused(gateway, "a.wav", SPOKEN, last_modified="last Tuesday")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")


async def test_a_disk_that_takes_nothing_is_our_fault(gateway: Gateway, tmp_path: Path) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    storage = gateway.app.state.deps.storage
    root, storage.root = storage.root, tmp_path / "file"
    storage.root.write_text("a file where the folder should be")
    answer = await upload(client, "a.wav", SPOKEN)
    storage.root = root

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
