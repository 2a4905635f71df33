"""The commands about sources, against a gateway's process and against Kafka and PostgreSQL themselves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet, InvalidToken
from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey, SealedBox
from tests.support.eventually import eventually
from tests.support.gateway import SPEECH, GatewayProcess, fail_item, gateway_process, make_token
from tests.support.ledger import end, item_of
from tests.support.stack import Person, Stack

from callvault.replayed import read_ranges, write_ranges
from callvault.replaying import Letter, open_letters
from pipeline_contracts import (
    IMPORT_AUDIO,
    IMPORT_FETCH,
    IMPORT_RESULTS,
    SOURCE_COMMANDS,
    ConnectorManifest,
    Envelope,
    OAuthOffer,
    encode,
)
from pipeline_runtime.deadletters import park
from pipeline_runtime.topics import make_topics

_COMMAND = Path(sys.executable).with_name("callvault")
KEY = PrivateKey.generate()


class Command:
    """`callvault` with a test's stack as its outside servers, and perhaps a gateway."""

    def __init__(self, stack: Stack, home: Path, **more: str) -> None:
        (home / "services").mkdir(parents=True)
        own = {"CALLVAULT_HOME": str(home), "CALLVAULT_SERVICES_DIR": str(home / "services")}
        self.environment = os.environ | stack.environment() | own | more

    async def run(self, *words: str, say: str = "") -> subprocess.CompletedProcess[str]:
        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [_COMMAND, *words], env=self.environment, input=say, capture_output=True, text=True, check=False
            )

        return await asyncio.to_thread(run)

    async def json(self, *words: str) -> list[dict[str, Any]]:
        answer = await self.run(*words, "--json")
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture
async def running(stack: Stack, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with gateway_process(stack, tmp_path) as process:
        yield process


async def command_of(running: GatewayProcess, person: Person, folder: Path) -> Command:
    token = await make_token(running.stack, person)
    return Command(running.stack, folder / uuid4().hex, CALLVAULT_URL=running.url, CALLVAULT_TOKEN=token)


async def say_manifest(stack: Stack) -> None:
    """A source named zoom, as its connector makes it known."""
    manifest = ConnectorManifest(
        source="zoom", name="Zoom", icon="video", connect=("oauth2", "api_key", "url"), version="1",
        oauth=OAuthOffer(authorize_url="https://zoom.example/authorize", client_id="client"),
        link_hosts=("zoom.example",), public_key=KEY.public_key.encode(Base64Encoder).decode(),
        sent_at=datetime.now(UTC),
    )  # fmt: skip
    await make_topics(stack.kafka, (SOURCE_COMMANDS.of_source("zoom"), IMPORT_FETCH.of_source("zoom")))
    await stack.publish(encode(manifest, key="zoom", envelope=Envelope(manifest.event_type, "zoom-connector")))


async def park_some(stack: Stack, count: int) -> list[UUID]:
    """Dead letters of results; the jobs that they are of."""
    jobs = [uuid4() for _ in range(count)]
    for number, job in enumerate(jobs):
        headers = [("ce_type", b"callvault.import.record.v1"), ("ce_jobid", str(job).encode())]
        await park(
            stack.publisher, IMPORT_RESULTS, key=b"owner", value=f'{{"n": {number}}}'.encode(), headers=headers,
            origin=f"import.results/1/{number}", reason="invalid_message" if number % 2 else "internal_error",
        )  # fmt: skip
    return jobs


async def test_dead_letters_are_shown_and_nothing_is_sent_without_a_choice(
    stack: Stack, tmp_path: Path
) -> None:
    jobs = await park_some(stack, 3)
    command = Command(stack, tmp_path / "home")
    shown = await command.json("replay", "import.results.dead")

    assert [(one["offset"], one["reason"], one["job"]) for one in shown] == [
        (0, "internal_error", str(jobs[0])), (1, "invalid_message", str(jobs[1])), (2, "internal_error", str(jobs[2])),
    ]  # fmt: skip
    assert await stack.messages("import.results") == []
    assert "Choose with" in (await command.run("replay", "import.results.dead")).stdout


async def replay(stack: Stack, wanted: Callable[[Letter], bool]) -> list[int]:
    """As the command does; the offsets of what was sent."""
    async with open_letters(stack.kafka, "import.results.dead") as letters:
        return [letter.offset async for letter in letters.replay(wanted)]


async def test_a_letter_is_sent_as_it_came_and_only_those_that_are_asked_for(
    stack: Stack, tmp_path: Path
) -> None:
    jobs = await park_some(stack, 5)
    command = Command(stack, tmp_path / "home")
    [sent] = await command.json("replay", "import.results.dead", "--offset", "1")
    [record] = await stack.messages("import.results")

    assert sent["offset"] == 1
    assert (record.key, record.value) == (b"owner", b'{"n": 1}')
    assert dict(record.headers) == {"ce_type": b"callvault.import.record.v1", "ce_jobid": str(jobs[1]).encode()}
    by_reason = await command.json("replay", "import.results.dead", "--reason", "invalid_message")
    assert [one["offset"] for one in by_reason] == [3]  # the other one went before


async def test_a_second_replay_sends_nothing_again(stack: Stack) -> None:
    await park_some(stack, 4)

    def is_new(letter: Letter) -> bool:
        return not letter.replayed

    assert await replay(stack, is_new) == [0, 1, 2, 3]
    assert await replay(stack, is_new) == []
    await park_some(stack, 1)
    assert await replay(stack, is_new) == [4]
    assert len(await stack.messages("import.results")) == 5
    assert await replay(stack, lambda _: True) == [0, 1, 2, 3, 4]


async def test_what_was_sent_before_an_interruption_is_remembered(stack: Stack) -> None:
    await park_some(stack, 3)
    async with (
        open_letters(stack.kafka, "import.results.dead") as letters,
        aclosing(letters.replay(lambda _: True)) as sending,
    ):
        assert (await anext(sending)).offset == 0
    assert await replay(stack, lambda letter: not letter.replayed) == [1, 2]


async def test_letters_that_were_cut_and_topics_of_the_living_are_not_replayed(
    stack: Stack, tmp_path: Path
) -> None:
    await stack.publisher.send_raw("import.results.dead", b"k", b"half", [("dead_value_bytes", b"99999999")])
    command = Command(stack, tmp_path / "home")

    assert await command.json("replay", "import.results.dead", "--all") == []
    assert (await command.json("replay", "import.results.dead"))[0]["cut"] is True
    assert (await command.run("replay", "import.results", "--all")).stderr.startswith("no_dead_letters: ")
    assert (await command.run("replay", "nothing.dead", "--all")).stderr.startswith("unknown_topic: ")


async def test_where_a_letter_asks_for_work_on_a_failed_item_the_item_is_opened_again(
    stack: Stack, tmp_path: Path
) -> None:
    person = await stack.person()
    job = await stack.job(person, ["call", "other"])
    item = await end(stack, job, "call", "failed", code="unreadable_message")
    headers = [("ce_jobid", str(job).encode()), ("ce_itemid", str(item).encode())]
    await park(
        stack.publisher, IMPORT_AUDIO, key=b"k", value=b"junk", headers=headers, origin="a/0/0", reason="r"
    )
    command = Command(stack, tmp_path / "home")

    told = await command.run("replay", "import.audio.dead", "--all")
    assert told.stdout.endswith("Sent 1 again to import.audio.\nOpened 1 failed item again.\n")
    row = await item_of(stack, job, "call")
    assert (row["status"], row["attempt"], row["ticketed_at"].year) == ("found", 2, 1970)
    assert (await stack.books(job))["open"] == 2


def test_offsets_are_remembered_as_ranges() -> None:
    for offsets in (set[int](), {7}, {0, 1, 2, 5, 9, 10}):
        assert read_ranges(write_ranges(offsets)) == offsets
    assert write_ranges({0, 1, 2, 5, 9, 10}) == "0-2,5,9-10"
    assert read_ranges("not ours") == set()


async def test_failures_are_shown_by_cause_and_tried_again(
    stack: Stack, running: GatewayProcess, tmp_path: Path
) -> None:
    person = await stack.person()
    command = await command_of(running, person, tmp_path)
    assert (await command.run("failures")).stdout == "Nothing has failed.\n"
    [told] = await command.json("import", str(SPEECH / "budget.mp3"))
    [job] = await command.json("jobs", told["job_id"])
    item = job["items"][0]["id"]
    await fail_item(stack, UUID(item))

    [group] = await command.json("failures")
    assert (group["code"], group["count"]) == ("engine_unavailable", 1)
    assert "It did not answer." in (await command.run("failures")).stdout
    assert [one["id"] for one in await command.json("failures", "--code", "engine_unavailable")] == [item]
    assert await command.json("failures", "--code", "lost") == []
    [retried] = await command.json("failures", "--retry")
    assert (retried["found"], retried["jobs"]) == (1, [told["job_id"]])
    await fail_item(stack, UUID(item))
    assert "Tried again: 1." in (await command.run("failures", "--retry", item)).stdout
    again = await command.run("failures", "--retry", item)
    assert (again.returncode, again.stderr.split(":")[0]) == (1, "not_failed")
    assert (await command.run("failures", item)).returncode == 2


async def test_sources_are_shown_connected_and_synced(
    stack: Stack, running: GatewayProcess, tmp_path: Path
) -> None:
    person, account = await stack.person(), uuid4()
    command = await command_of(running, person, tmp_path)
    await say_manifest(stack)

    async def is_known() -> bool:
        return "zoom" in {one["source"] for one in await command.json("sources")}

    await eventually(is_known)
    nothing = await command.run("sync")
    assert (nothing.returncode, nothing.stderr.split(":")[0]) == (1, "nothing_to_sync")
    await stack.owner.execute(
        "INSERT INTO import_sources (id, user_id, source_app, provider_account_id, email, next_sync_at) "
        "VALUES ($1, $2, 'zoom', 'me', 'ada@work.example', now() + interval '1 hour')", account, person.id,
    )  # fmt: skip
    assert "ada@work.example" in (await command.run("sources")).stdout
    [job] = await command.json("sync", "zoom", "--from", "2026-10-01")
    [same] = await command.json("sync", str(account))
    assert (job["id"], job["status"], job["source_app"]) == (same["id"], "queued", "zoom")
    assert (await command.run("jobs", job["id"], "--cancel")).returncode == 0
    assert await stack.owner.fetchval(
        "SELECT cancel_requested_at FROM sync_jobs WHERE id = $1", UUID(job["id"])
    )
    [link] = await command.json("import", "https://zoom.example/rec/1")
    assert (link["file"], link["status"], link["result"]) == ("https://zoom.example/rec/1", "queued", None)
    refused = await command.run("import", "https://elsewhere.example/1")
    assert (refused.returncode, "unsupported_link" in refused.stderr + refused.stdout) == (1, True)


async def end_attempt(stack: Stack, **columns: str) -> dict[str, str]:
    """What the connector does with a submitted attempt; answers the secret."""

    async def submitted() -> dict[str, Any] | None:
        row = await stack.owner.fetchrow(
            "SELECT id, secret_sealed FROM connect_attempts WHERE status = 'submitted'"
        )
        return dict(row) if row else None

    row = await eventually(submitted)
    await stack.owner.execute(
        "UPDATE connect_attempts SET status = $2, reason = $3 WHERE id = $1",
        row["id"], columns["status"], columns.get("reason"),
    )  # fmt: skip
    return dict(json.loads(SealedBox(KEY).decrypt(row["secret_sealed"])))


async def test_an_account_is_connected_by_a_key_or_by_the_address_one_came_back_to(
    stack: Stack, running: GatewayProcess, tmp_path: Path
) -> None:
    command = await command_of(running, await stack.person(), tmp_path)
    await say_manifest(stack)

    async def is_known() -> bool:
        return "zoom" in {one["source"] for one in await command.json("sources")}

    await eventually(is_known)
    by_key, secret = await asyncio.gather(
        command.run("connect", "zoom", "--key-stdin", say="key-1\n"), end_attempt(stack, status="done")
    )
    assert (by_key.returncode, secret) == (0, {"api_key": "key-1"}), by_key.stderr
    assert "The first sync has begun" in by_key.stdout
    refused, _ = await asyncio.gather(
        command.run("connect", "zoom", "--key-stdin", say="key-2\n"),
        end_attempt(stack, status="failed", reason="provider_refused"),
    )
    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "provider_refused")
    assert "Zoom refused the connection" in refused.stderr
    signing_in = await asyncio.create_subprocess_exec(
        _COMMAND, "connect", "zoom", env=command.environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert signing_in.stderr
    assert signing_in.stdin
    while b"state=" not in (line := await signing_in.stderr.readline()):
        assert line or signing_in.returncode is None
    state = line.decode().partition("state=")[2].split("&")[0].strip()
    address = f"{running.url}/oauth/zoom/callback?code=abc%2B1&state={state}\n"
    (_, stderr), secret = await asyncio.gather(
        signing_in.communicate(address.encode()), end_attempt(stack, status="done")
    )
    assert (signing_in.returncode, secret) == (0, {"code": "abc+1"}), stderr


async def test_keys_are_rotated_and_the_old_one_is_needed_no_more(stack: Stack, tmp_path: Path) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    person, accounts = await stack.person(), [uuid4() for _ in range(3)]
    for number, account in enumerate(accounts):
        await stack.owner.execute(
            "INSERT INTO import_sources (id, user_id, source_app, provider_account_id) VALUES ($1, $2, 'zoom', $3)",
            account, person.id, str(number),
        )  # fmt: skip
        await stack.owner.execute(
            "INSERT INTO source_credentials (account_id, source_app, secret, generation) VALUES ($1, 'zoom', $2, 0)",
            account, Fernet(new if number == 0 else old).encrypt(b"secret"),
        )  # fmt: skip
        await stack.owner.execute(
            "INSERT INTO webhook_secrets (id, source_app, account_id, secret) VALUES ($1, 'zoom', $2, $3)",
            uuid4(), account, Fernet(old).encrypt(b"hook"),
        )  # fmt: skip
    ring = f"{new.decode()},{old.decode()}"
    command = Command(stack, tmp_path / "home", CREDENTIALS_KEYS=ring, WEBHOOK_KEYS=ring)
    first, second = await command.run("keys", "rotate"), await command.run("keys", "rotate")

    assert first.stdout.splitlines() == [
        "source_credentials: 2 brought to the new key.", "webhook_secrets: 3 brought to the new key.",
    ], first.stderr  # fmt: skip
    assert "source_credentials: 0 brought" in second.stdout
    for table, word in (("source_credentials", b"secret"), ("webhook_secrets", b"hook")):
        for row in await stack.owner.fetch(f"SELECT secret FROM {table}"):
            assert Fernet(new).decrypt(row["secret"]) == word
            with pytest.raises(InvalidToken):
                Fernet(old).decrypt(row["secret"])
    stranger = Fernet.generate_key().decode()
    lost = await Command(stack, tmp_path / "other", CREDENTIALS_KEYS=stranger, WEBHOOK_KEYS=stranger).run(
        "keys", "rotate"
    )
    assert (lost.returncode, lost.stderr.split(":")[0]) == (1, "key_missing")
    wrong = await Command(stack, tmp_path / "third", CREDENTIALS_KEYS="x", WEBHOOK_KEYS="x").run(
        "keys", "rotate"
    )
    assert (wrong.returncode, wrong.stderr.split(":")[0]) == (1, "invalid_keys")
    assert (
        "secret" not in lost.stderr + lost.stdout.replace("webhook_secrets", "") or "secrets in" in lost.stderr
    )
