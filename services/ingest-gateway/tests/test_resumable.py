"""Uploads by tus: what is taken, what is refused and when, who may, and what stays."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.eventually import eventually
from tests.support.gateway import SPEECH, Gateway, add_recording, gateway_of, upload
from tests.support.stack import Person, Stack

from ingest_gateway.resumable.checking import Checking
from ingest_gateway.sweeper import Sweeper
from pipeline_contracts import IMPORT_AUDIO, AudioReceived, decode

from .tus import PIECE, SPOKEN, begin, begun, decided, id_of, metadata, offset_of, send, sent

pytestmark = pytest.mark.asyncio(loop_scope="session")
BUDGET = (SPEECH / "budget.mp3").read_bytes()
HIRING = (SPEECH / "hiring.wav").read_bytes()
GIGABYTE = 1024**3


async def tickets_of(gateway: Gateway, person: Person) -> list[AudioReceived]:
    records = await gateway.stack.messages("import.audio")
    mine = [one for one in records if one.key == str(person.id).encode()]
    found = [decode(IMPORT_AUDIO, one.value, one.headers) for one in mine]
    return [one for one in found if isinstance(one, AudioReceived)]


def bytes_of(gateway: Gateway, where: str) -> list[Path]:
    """What lies in storage of an upload, whole or not."""
    return [path for path in gateway.stored() if path.name == where.rpartition("/")[2]]


async def test_a_file_in_three_pieces_becomes_what_a_posted_one_becomes(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    told = {"filename": "Büdget.mp3", "filetype": "audio/mpeg", "title": "The budget", "language": "en",
            "last_modified": "2026-11-20T10:00:00Z"}  # fmt: skip
    where = await begun(client, len(BUDGET), **told)
    for start, end in ((0, 10_000), (10_000, 10_001), (10_001, len(BUDGET))):
        assert (await client.get(where)).json() | {"offset": start, "state": "receiving"} == (
            await client.get(where)
        ).json()
        answer = await send(client, where, start, BUDGET[start:end])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(end))
        assert answer.headers["upload-expires"].endswith("GMT")
    upload = await decided(client, where)

    sha256 = hashlib.sha256(BUDGET).hexdigest()
    assert (upload["outcome"], upload["filename"], upload["error"]) == ("found", "Büdget.mp3", None)
    assert (upload["size"], upload["offset"], upload["status"]) == (len(BUDGET), len(BUDGET), "running")
    books = await gateway.stack.books(UUID(upload["job_id"]))
    assert (books["found"], books["open"], books["trigger"]) == (1, 1, "upload")

    async def ticket() -> AudioReceived | None:
        return next(iter(await tickets_of(gateway, person)), None)

    made = await eventually(ticket)
    assert (str(made.job_id), str(made.item_id)) == (upload["job_id"], upload["item_id"])
    assert (made.audio.sha256, made.audio.size, made.language) == (sha256, len(BUDGET), "en")
    assert (made.audio.key, made.draft.title) == (f"{person.id}/{upload['id']}", "The budget")
    [stored] = bytes_of(gateway, where)
    assert stored.read_bytes() == BUDGET
    assert "objects" in stored.parts
    answer = await client.head(where, headers=SPOKEN)
    assert answer.headers["upload-offset"] == answer.headers["upload-length"] == str(len(BUDGET))
    assert answer.headers["upload-metadata"] == metadata(**told)


async def test_what_is_spoken_is_told_to_anybody_and_on_every_answer(gateway: Gateway) -> None:
    answer = await gateway.anonymous().options("/api/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,termination,expiration"
    assert answer.headers["tus-max-size"] == str(5 * GIGABYTE)

    client = await gateway.client_of(await gateway.stack.person())
    refused = await client.post("/api/uploads", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "1"})
    assert (refused.status_code, refused.json()["code"]) == (412, "tus_version")
    assert refused.headers["tus-version"] == refused.headers["tus-resumable"] == "1.0.0"
    assert (await gateway.anonymous().post("/api/uploads", headers=SPOKEN)).status_code == 401
    assert (await client.get("/api/uploads")).status_code == 405  # nobody gets a list


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": str(5 * GIGABYTE + 1)}, 413, "file_too_large"),
        ({"Upload-Length": "0"}, 422, "empty_file"),
        ({}, 422, "missing_length"),
        ({"Upload-Length": "many"}, 422, "invalid_request"),
        ({"Upload-Length": "9", "Upload-Metadata": metadata(filename="../up.mp3")}, 422, "invalid_filename"),
        ({"Upload-Length": "9", "Upload-Metadata": metadata(filename="a\n.mp3")}, 422, "invalid_filename"),
        ({"Upload-Length": "9", "Upload-Metadata": metadata(last_modified="soon")}, 422, "invalid_field"),
        ({"Upload-Length": "9", "Upload-Metadata": metadata(sha256="abc")}, 422, "invalid_field"),
        ({"Upload-Length": "9", "Upload-Metadata": "filename ?!"}, 422, "invalid_field"),
        ({"Upload-Length": "9", "Upload-Metadata": metadata(title="t" * 20_000)}, 422, "invalid_field"),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_a_byte_is_sent(
    gateway: Gateway, headers: dict[str, str], status: int, code: str
) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    answer = await client.post("/api/uploads", headers=SPOKEN | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not await gateway.stack.owner.fetchval(
        "SELECT count(*) FROM incoming_uploads WHERE owner_user_id = $1", person.id
    )


async def test_a_file_that_is_no_recording_is_refused_with_its_first_bytes(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, 50_000_000, filename="holiday.mp3")
    taken = 0

    async def pictures() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 50_000_000:
            taken += 65_536
            yield b"\x89PNG" + os.urandom(65_532)

    answer = await send(client, where, 0, pictures())
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    told = (await client.get(where)).json()
    assert (told["state"], told["error"]["code"], told["job_id"]) == ("refused", "not_audio", None)
    assert (await client.head(where, headers=SPOKEN)).status_code == 410
    again = await send(client, where, 0, BUDGET)
    assert (again.status_code, again.json()["code"]) == (410, "not_audio")
    assert not bytes_of(gateway, where)
    assert (await client.delete(where, headers=SPOKEN)).status_code == 204
    assert (await client.get(where)).status_code == 404


async def test_a_beginning_that_fits_is_not_refused_because_the_rest_is_missing(gateway: Gateway) -> None:
    """A picture of 300 KB stands before the first frame of this MP3."""
    size = 300_000
    tag = b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    client = await gateway.client_of(await gateway.stack.person())
    content = tag + BUDGET
    where = await begun(client, len(content), filename="cover.mp3")
    for start in range(0, len(content), 70_000):
        assert (await send(client, where, start, content[start : start + 70_000])).status_code == 204
    assert (await decided(client, where))["outcome"] == "found"


async def test_a_small_file_that_is_no_recording_is_refused_when_it_is_whole(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, 12, filename="notes.mp3")
    assert (await send(client, where, 0, b"Dear ")).status_code == 204
    answer = await send(client, where, 5, b"diary, ")
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    assert not bytes_of(gateway, where)


async def test_a_damaged_recording_ends_its_job_with_the_reason(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    where = await sent(client, HIRING[:100_000], filename="half.wav")  # its header promises more
    told = await decided(client, where)
    assert (told["state"], told["error"]["code"]) == ("refused", "truncated_file")
    job = (await client.get(f"/api/jobs/{told['job_id']}")).json()
    assert (job["code"], job["title"], job["found"], job["items"]) == ("truncated_file", "half.wav", 0, [])
    assert job["message"] == told["error"]["message"]
    books = await gateway.stack.books(UUID(told["job_id"]))
    assert books["discovery_ended_at"]  # the recorder closes it as failed
    assert not bytes_of(gateway, where)

    async def nudged() -> bool:
        records = await gateway.stack.messages("import.results")
        return any(told["job_id"].encode() in one.value for one in records)

    await eventually(nudged)


async def test_the_first_bytes_may_come_with_the_announcement(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    headers = PIECE | {"Upload-Length": str(len(BUDGET)), "Upload-Metadata": metadata(filename="budget.mp3")}
    answer = await client.post("/api/uploads", headers=headers, content=BUDGET[:20_000])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "20000")
    where = answer.headers["location"]
    assert (await send(client, where, 20_000, BUDGET[20_000:])).status_code == 204
    assert (await decided(client, where))["outcome"] == "found"


async def test_a_piece_has_to_begin_where_the_upload_ends_and_to_fit(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, len(BUDGET), filename="budget.mp3")
    assert (await send(client, where, 0, BUDGET[:1000])).status_code == 204
    for offset in (0, 999, 1001, len(BUDGET)):
        answer = await send(client, where, offset, BUDGET[offset:])
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
        assert answer.headers["upload-offset"] == "1000"
    answer = await send(client, where, 1000, BUDGET)
    assert (answer.status_code, answer.json()["code"]) == (413, "piece_too_large")
    answer = await client.patch(where, headers=SPOKEN | {"Upload-Offset": "1000"}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (415, "not_offset_stream")
    answer = await client.patch(where, headers=PIECE, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (422, "missing_offset")
    assert await offset_of(client, where) == 1000


async def test_more_bytes_than_announced_are_stopped_also_where_no_length_is_told(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, 100_000, filename="long.wav")

    async def endless() -> AsyncIterator[bytes]:
        yield HIRING[:90_000]
        yield bytes(20_000)

    answer = await send(client, where, 0, endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "piece_too_large")
    assert await offset_of(client, where) <= 100_000


async def test_an_upload_that_was_whole_when_its_gateway_died_is_received_when_somebody_asks(
    gateway: Gateway,
) -> None:
    """All bytes were on the disk, and the job was not made any more."""
    person = await gateway.stack.person()
    client, storage = await gateway.client_of(person), gateway.app.state.deps.storage
    where = await begun(client, len(BUDGET), filename="budget.mp3")
    await send(client, where, 0, BUDGET[:10])
    storage.partial(id_of(where)).write_bytes(BUDGET)
    await gateway.stack.owner.execute("UPDATE incoming_uploads SET received = size WHERE id = $1", id_of(where))
    assert await offset_of(client, where) == len(BUDGET)
    assert (await decided(client, where))["outcome"] == "found"


async def test_a_way_without_patch_is_got_round(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, len(BUDGET), filename="budget.mp3")
    headers = PIECE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await client.post(where, headers=headers, content=BUDGET)).status_code == 204
    assert (await decided(client, where))["outcome"] == "found"
    assert (await client.post(where, headers=SPOKEN)).status_code == 405


async def test_once_whole_an_upload_takes_no_more_and_cannot_be_ended(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await sent(client, BUDGET, filename="budget.mp3")
    again = await send(client, where, len(BUDGET), b"")  # whose first answer was lost
    assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(BUDGET)))
    for answer in (await send(client, where, 0, BUDGET), await client.delete(where, headers=SPOKEN)):
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_finished")
    assert (await decided(client, where))["outcome"] == "found"


async def test_somebody_elses_upload_is_not_there(gateway: Gateway) -> None:
    mine = await gateway.client_of(await gateway.stack.person())
    theirs = await gateway.client_of(await gateway.stack.person())
    where = await begun(mine, len(BUDGET), filename="budget.mp3")
    for request in (
        theirs.get(where), theirs.head(where, headers=SPOKEN), send(theirs, where, 0, BUDGET),
        theirs.delete(where, headers=SPOKEN), theirs.get(f"/api/uploads/{uuid4()}"),
    ):  # fmt: skip
        assert (await request).status_code == 404
    assert await offset_of(mine, where) == 0


async def test_a_browser_of_another_site_cannot_write(gateway: Gateway) -> None:
    client = gateway.anonymous()
    account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    assert (await client.post("/api/users", json=account)).is_success
    assert (await client.post("/api/session", json=account)).is_success
    where = await begun(client, len(BUDGET), filename="budget.mp3")  # with our own Origin and a cookie
    client.headers["Origin"] = "https://evil.example"
    for answer in (await begin(client, 9), await send(client, where, 0, BUDGET)):
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


async def test_an_upload_that_is_ended_leaves_nothing(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    where = await begun(client, len(BUDGET), filename="budget.mp3")
    await send(client, where, 0, BUDGET[:1000])
    assert bytes_of(gateway, where)
    headers = SPOKEN | {"X-HTTP-Method-Override": "DELETE"}
    assert (await client.post(where, headers=headers)).status_code == 204
    assert not bytes_of(gateway, where)
    assert (await client.head(where, headers=SPOKEN)).status_code == 404


async def test_an_upload_that_nobody_goes_on_with_expires(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    wheres = [await begun(client, len(BUDGET), filename="budget.mp3") for _ in range(2)]
    for where in wheres:
        await send(client, where, 0, BUDGET[:1000])
    await gateway.stack.owner.execute(
        "UPDATE incoming_uploads SET expires_at = now() - interval '1 second' WHERE id = $1", id_of(wheres[0])
    )
    answer = await send(client, wheres[0], 1000, BUDGET[1000:])
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
    deps = gateway.app.state.deps
    await Sweeper(deps.storage, deps.intake, timedelta(days=7)).sweep()
    assert (await client.get(wheres[0])).status_code == 404
    assert not bytes_of(gateway, wheres[0])
    assert await offset_of(client, wheres[1]) == 1000


async def test_the_same_bytes_join_and_are_duplicates_afterwards(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    first = await decided(client, await sent(client, BUDGET, filename="one.mp3"))
    second = await decided(client, await sent(client, BUDGET, filename="two.mp3"))
    posted = (await upload(client, "three.mp3", BUDGET)).json()
    assert [first["outcome"], second["outcome"], posted["outcome"]] == ["found", "joined", "joined"]
    assert len(await tickets_of(gateway, person)) == 1

    spoken = hashlib.sha256(HIRING).hexdigest()
    recording = await add_recording(gateway.stack, person, spoken)
    where = await sent(client, HIRING, filename="hiring.wav", sha256="0" * 64)  # our own hash counts
    third = await decided(client, where)
    assert (third["outcome"], third["recording_id"]) == ("duplicate", str(recording))
    assert not bytes_of(gateway, where)


async def test_over_the_plans_limit_a_file_waits_as_a_failed_item_and_no_engine_is_asked(
    gateway: Gateway,
) -> None:
    person = await gateway.stack.person("free")
    await gateway.stack.owner.execute(
        "INSERT INTO import_usage (owner_user_id, month, used) VALUES ($1, this_month(), 10)", person.id
    )
    client = await gateway.client_of(person)
    where = await sent(client, BUDGET, filename="budget.mp3")
    told = await decided(client, where)
    assert (told["outcome"], told["error"]["code"]) == ("quota_exceeded", "quota_exceeded")
    assert bytes_of(gateway, where)  # for the retry
    await gateway.app.state.deps.relay.drain()
    assert await tickets_of(gateway, person) == []


async def test_a_cancelled_import_is_not_entered(gateway: Gateway, tmp_path: Path) -> None:
    person, name, job = await gateway.stack.person(), uuid4(), uuid4()
    owner, deps = gateway.stack.owner, gateway.app.state.deps
    await owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, cancel_requested_at) "
        "VALUES ($1, $2, 'file_upload', 'upload', now())", job, person.id,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO incoming_uploads (id, owner_user_id, size, received, filename, state, job_id, expires_at) "
        "VALUES ($1, $2, $3, $3, 'a.mp3', 'checking', $4, now() + interval '1 hour')",
        name, person.id, len(BUDGET), job,
    )  # fmt: skip
    deps.storage.partial(name).write_bytes(BUDGET)
    checking = Checking(deps.web, deps.relay, deps.storage)
    assert await checking.check(name, person.id) == "cancelled"
    assert await checking.check(name, person.id) == "decided before"
    assert (await gateway.stack.books(job))["found"] == 0
    assert [path for path in gateway.stored() if path.name == str(name)] == []


async def test_of_files_it_is_told_which_are_here_or_on_their_way(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    known, begun_hash, whole, nobodys = (hashlib.sha256(bytes([n])).hexdigest() for n in range(4))
    recording = await add_recording(gateway.stack, person, known)
    await add_recording(gateway.stack, await gateway.stack.person(), nobodys)  # another owner's
    where = await begun(client, 9, sha256=begun_hash.upper())
    job = await gateway.stack.job(person, [whole])
    asked = {"sha256": [nobodys, known, begun_hash.upper(), whole, known]}
    files = (await client.post("/api/uploads/check", json=asked)).json()["files"]
    told = [
        (one["sha256"], one["state"], one["recording_id"], one["job_id"], one["upload_id"]) for one in files
    ]
    assert told == [
        (nobodys, "unknown", None, None, None),
        (known, "imported", str(recording), None, None),
        (begun_hash, "receiving", None, None, str(id_of(where))),
        (whole, "importing", None, str(job), None),
        (known, "imported", str(recording), None, None),
    ]
    most = await client.post("/api/uploads/check", json={"sha256": [known] * 1000})
    assert (most.status_code, len(most.json()["files"])) == (200, 1000)
    assert (await client.post("/api/uploads/check", json={"sha256": [known] * 1001})).status_code == 422
    assert (await client.post("/api/uploads/check", json={"sha256": ["x"]})).status_code == 422


async def test_who_comes_back_takes_over_from_a_connection_that_hangs(
    gateway: Gateway, second: Gateway
) -> None:
    """The first one's network is gone, and its server does not know yet; the client comes back elsewhere."""
    person = await gateway.stack.person()
    client, elsewhere = await gateway.client_of(person), await second.client_of(person)
    where = await begun(client, len(HIRING), filename="hiring.wav")
    hanging = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield HIRING[:200_000]
        hanging.set()
        await asyncio.Event().wait()

    first = asyncio.create_task(send(client, where, 0, half()))
    await hanging.wait()
    assert await offset_of(elsewhere, where) == 200_000
    answer = await first
    assert (answer.status_code, answer.json()["code"]) == (423, "upload_locked")
    assert (await send(elsewhere, where, 200_000, HIRING[200_000:])).status_code == 204
    assert (await decided(client, where))["outcome"] == "found"
    [stored] = bytes_of(gateway, where)
    assert stored.read_bytes() == HIRING


async def test_of_two_who_send_the_same_piece_to_two_replicas_one_counts(
    gateway: Gateway, second: Gateway
) -> None:
    person = await gateway.stack.person()
    clients = [await gateway.client_of(person), await second.client_of(person)]
    where = await begun(clients[0], len(HIRING), filename="hiring.wav")
    step = 100_000
    for start in range(0, len(HIRING), step):
        piece = HIRING[start : start + step]
        answers = await asyncio.gather(*(send(client, where, start, piece) for client in clients))
        statuses = sorted(answer.status_code for answer in answers)
        is_last = start + step >= len(HIRING)
        assert statuses[0] == 204, statuses
        assert statuses[1] in ((204, 409) if is_last else (409,)), statuses
    told = await decided(clients[1], where)
    [ticket] = await tickets_of(gateway, person)
    assert told["outcome"] == "found"
    assert ticket.audio.sha256 == hashlib.sha256(HIRING).hexdigest()


async def test_bytes_that_a_replica_does_not_have_are_asked_for_again(
    gateway: Gateway, gateway_stack: Stack, tmp_path: Path
) -> None:
    person = await gateway_stack.person()
    async with gateway_of(gateway_stack, tmp_path) as apart:  # shares the database and no folder
        client, elsewhere = await gateway.client_of(person), await apart.client_of(person)
        where = await begun(client, len(BUDGET), filename="budget.mp3")
        assert (await send(client, where, 0, BUDGET[:1000])).status_code == 204
        assert await offset_of(elsewhere, where) == 0


async def test_with_too_many_unfinished_uploads_another_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_gateway.routes.uploads.UNFINISHED_AT_MOST", 2)
    client = await gateway.client_of(await gateway.stack.person())
    answers = [await begin(client, 9) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]


async def test_the_document_describes_uploads(gateway: Gateway) -> None:
    document: dict[str, Any] = (await gateway.anonymous().get("/openapi.json")).json()
    paths = document["paths"]
    assert {"post", "options"} <= set(paths["/api/uploads"])
    assert {"get", "head", "patch", "delete"} <= set(paths["/api/uploads/{upload_id}"])
    named = {one["name"] for one in paths["/api/uploads/{upload_id}"]["patch"]["parameters"]}
    assert {"Upload-Offset", "Tus-Resumable"} <= named
    assert "application/offset+octet-stream" in paths["/api/uploads"]["post"]["requestBody"]["content"]
    assert document["components"]["schemas"]["Upload"]["properties"]["state"]["enum"] == [
        "receiving", "checking", "done", "refused",
    ]  # fmt: skip
