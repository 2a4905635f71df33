"""Sources for tests: the sandbox, a connector's process and the recorder's on a test's stack, and what a
gateway would do for a user."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from nacl.public import PublicKey, SealedBox

from callvault.clients import http_client
from callvault.ports import free_port
from callvault.spawn import Child
from pipeline_contracts import (
    CancelRequested,
    ConnectRequested,
    DisconnectRequested,
    Envelope,
    FetchRequested,
    Message,
    encode,
)
from pipeline_runtime.connectors.keys import KeyRing
from tests.support.eventually import eventually
from tests.support.programs import start
from tests.support.servers import connector_role
from tests.support.stack import Person, Stack

REDIRECT = "http://127.0.0.1/oauth/callback"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
ZOOM_SECRET = f"zoom-{uuid4().hex}"
ADDRESSES = {
    "fathom": {
        "API": "/fathom/external/v1",
        "AUTHORIZE": "/fathom-video/external/v1/oauth2/authorize",
        "TOKEN": "/fathom-video/external/v1/oauth2/token",
    },
    "zoom": {
        "API": "/zoom/v2",
        "AUTHORIZE": "/zoom/oauth/authorize",
        "TOKEN": "/zoom/oauth/token",
        "REVOKE": "/zoom/oauth/revoke",
    },
}


@dataclass
class World:
    """One of the sandbox's worlds: calls, tokens, faults and a log of its own."""

    base: str
    http: httpx.AsyncClient

    async def admin(self, path: str, **body: Any) -> Any:
        """An admin call that must work."""
        answer = await self.http.post(f"{self.base}/admin/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, path: str, **query: Any) -> Any:
        """What an admin page shows."""
        return (await self.http.get(f"{self.base}/admin/{path}", params=query)).json()

    async def fault(self, **rule: Any) -> None:
        """Spoil some calls."""
        await self.admin("faults", **rule)

    async def calls(self, endpoint: str) -> int:
        """How often an endpoint was called since the log was emptied."""
        return sum((await self.look("calls", endpoint=endpoint))["counts"].values())

    async def forget_calls(self) -> None:
        """Empty the log."""
        await self.http.delete(f"{self.base}/admin/calls")

    async def heal(self) -> None:
        """No more faults."""
        await self.http.delete(f"{self.base}/admin/faults")

    async def code(self, source: str, user: str = "maya") -> str:
        """What the consent page sends a user back with."""
        query = {
            "client_id": CLIENT["client_id"], "redirect_uri": REDIRECT, "response_type": "code", "state": "s",
            "sandbox_consent": "accept", "sandbox_user": user,
        }  # fmt: skip
        answer = await self.http.get(self.base + ADDRESSES[source]["AUTHORIZE"], params=query)
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


@pytest.fixture(scope="session")
def sandbox_address() -> Iterator[str]:
    """The sandbox, started once."""
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield str(json.loads(process.stdout.readline())["address"])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@asynccontextmanager
async def world_at(sandbox_address: str) -> AsyncIterator[World]:
    """A world that nobody else knows, without rate limits."""
    async with http_client(sandbox_address, timeout=30) as http:
        made = World(f"{sandbox_address}/w/{uuid4().hex[:12]}", http)
        await made.admin("settings", fathom={"limits": False})
        yield made
        await http.delete(f"{made.base}/admin/world")


@dataclass
class Process:
    """A service's process."""

    child: Child
    port: int
    log: str

    def signal(self, number: signal.Signals) -> None:
        """Stop it, let it go on, kill it."""
        self.child.send_signal(number)

    def said(self) -> str:
        """All that it has logged."""
        return Path(self.log).read_text()


@contextmanager
def process(package: str, environment: dict[str, str], log: str) -> Iterator[Process]:
    """A service's process, until the end of the block."""
    port = free_port()
    child = start(package, {**environment, "HTTP_PORT": str(port)}, Path(log))
    try:
        yield Process(child, port, log)
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGCONT)
            child.terminate()
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=5)


async def ready(running: Process) -> None:
    """Return when /readyz says 200."""

    async def probe() -> bool:
        assert running.child.poll() is None, running.said()
        try:
            return (await http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async with http_client(f"http://127.0.0.1:{running.port}") as http:
        await eventually(probe, within=120)  # other tests may have the machine busy


@dataclass
class Source:
    """A source on a stack: its connector's environment, and what a gateway would do for a user."""

    stack: Stack
    source: str
    folder: str
    environment: dict[str, str]
    keys: KeyRing
    connectors: list[Process] = field(default_factory=list)

    async def publish(self, message: Message, key: UUID) -> None:
        """A message for the connector."""
        envelope = Envelope(message.event_type, "/tests")
        await self.stack.publish(encode(message, key=key, envelope=envelope, source=self.source))

    def seal(self, secret: dict[str, str]) -> bytes:
        """As the gateway does, to the manifest's key."""
        return bytes(
            SealedBox(PublicKey(base64.b64decode(self.keys.public_key))).encrypt(json.dumps(secret).encode())
        )

    async def attempt(self, person: Person, method: str, secret: dict[str, str], *, told: bool = True) -> UUID:
        """What a user's code or key becomes; the connector is told, unless the message gets lost."""
        attempt = uuid4()
        await self.stack.owner.execute(
            "INSERT INTO connect_attempts (id, user_id, source_app, method, state_hash, secret_sealed, status, "
            "redirect_uri) VALUES ($1, $2, $3, $4, $5, $6, 'submitted', $7)",
            attempt, person.id, self.source, method, hashlib.sha256(attempt.bytes).digest(),
            self.seal(secret), REDIRECT,
        )  # fmt: skip
        if told:
            await self.publish(ConnectRequested(attempt_id=attempt), attempt)
        return attempt

    async def outcome(self, attempt: UUID) -> dict[str, Any]:
        """The attempt, once it is over."""

        async def probe() -> dict[str, Any] | None:
            row = await self.stack.owner.fetchrow("SELECT * FROM connect_attempts WHERE id = $1", attempt)
            return dict(row) if row and row["status"] in ("done", "failed") else None

        return await eventually(probe, within=20)

    async def connect(self, person: Person, world: World, user: str = "maya") -> UUID:
        """Connect by OAuth; the account's id."""
        attempt = await self.attempt(person, "oauth2", {"code": await world.code(self.source, user)})
        done = await self.outcome(attempt)
        assert done["status"] == "done", done["reason"]
        return UUID(str(done["account_id"]))

    async def first_job(self, account: UUID) -> UUID:
        """The job that a connection has made."""
        return UUID(str(await self.stack.owner.fetchval(
            "SELECT id FROM sync_jobs WHERE account_id = $1 AND trigger = 'connect' ORDER BY created_at DESC LIMIT 1",
            account,
        )))  # fmt: skip

    async def sync(
        self, account: UUID, *, trigger: str = "manual", request: dict[str, Any] | None = None,
        told: bool = True,
    ) -> UUID:  # fmt: skip
        """Sync Now: a job and its message."""
        job = uuid4()
        await self.stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, request) "
            "SELECT $1, user_id, source_app, id, $3, $4 FROM import_sources WHERE id = $2",
            job, account, trigger, json.dumps(request or {}),
        )  # fmt: skip
        message = FetchRequested.model_validate({"job_id": job, "account_id": account, "trigger": trigger})
        if told:
            await self.publish(message, account)
        return job

    async def revisit(self, item: UUID, account: UUID) -> UUID:
        """Look again for an item that was not ready, as the gateway's schedule does."""
        job = uuid4()
        await self.stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) "
            "SELECT $1, user_id, source_app, id, 'retry' FROM import_sources WHERE id = $2", job, account,
        )  # fmt: skip
        message = FetchRequested(job_id=job, account_id=account, trigger="retry", item_ids=(item,))
        await self.publish(message, account)
        return job

    async def ended(self, job: UUID, *, within: float = 60) -> dict[str, Any]:
        """The job's row, once it has ended, with books that balance."""

        async def probe() -> bool:
            return bool(await self.stack.owner.fetchval("SELECT ended_at FROM sync_jobs WHERE id = $1", job))

        try:
            await eventually(probe, within=within)
        except TimeoutError:
            rows = await self.stack.owner.fetch(
                "SELECT external_id, status, code, ticketed_at FROM sync_job_items WHERE job_id = $1", job
            )
            row = await self.stack.owner.fetchrow("SELECT * FROM sync_jobs WHERE id = $1", job)
            raise TimeoutError(f"{row} {rows}") from None
        return await self.stack.books(job)

    async def account(self, account: UUID) -> dict[str, Any]:
        """The account's row."""
        return dict(
            await self.stack.owner.fetchrow("SELECT * FROM import_sources WHERE id = $1", account) or {}
        )

    async def becomes(self, account: UUID, status: str, *, within: float = 20) -> dict[str, Any]:
        """The account's row, once it stands so."""

        async def probe() -> dict[str, Any] | None:
            row = await self.account(account)
            return row if row["status"] == status else None

        return await eventually(probe, within=within)

    async def disconnect(self, account: UUID, *, told: bool = True) -> None:
        """As the gateway does: one transaction, then the command."""
        generation = await self.stack.owner.fetchval(
            "UPDATE import_sources SET status = 'disconnected', is_active = false, generation = generation + 1, "
            "version = version + 1 WHERE id = $1 RETURNING generation", account,
        )  # fmt: skip
        if told:
            await self.publish(DisconnectRequested(account_id=account, generation=generation), account)

    async def pause(self, account: UUID, *, paused: bool = True) -> None:
        """Pause, or go on."""
        await self.stack.owner.execute(
            "UPDATE import_sources SET status = $2, is_active = $3, version = version + 1 WHERE id = $1",
            account, "paused" if paused else "active", not paused,
        )  # fmt: skip

    async def cancel(self, job: UUID) -> None:
        """Stop a job."""
        await self.stack.owner.execute("UPDATE sync_jobs SET cancel_requested_at = now() WHERE id = $1", job)
        await self.publish(CancelRequested(job_id=job), job)

    async def deliver(self, body: Any, account: UUID | None = None, *, told: bool = True) -> UUID:
        """A webhook that was verified and stored; the connector is told."""
        inbox = uuid4()
        await self.stack.owner.execute(
            "INSERT INTO webhook_inbox (id, source_app, account_id, delivery_id, body) VALUES ($1, $2, $3, $4, $5)",
            inbox, self.source, account, inbox.hex, json.dumps(body).encode(),
        )  # fmt: skip
        if told:
            await self.publish(FetchRequested(trigger="webhook", inbox_id=inbox), account or inbox)
        return inbox

    async def replay(self, inbox: UUID, account: UUID) -> None:
        """What was held is to be looked at again, as after a resumption."""
        await self.publish(FetchRequested(trigger="webhook", inbox_id=inbox, account_id=account), account)

    async def recordings(self, person: Person) -> list[dict[str, Any]]:
        """The person's library."""
        rows = await self.stack.owner.fetch(
            "SELECT * FROM recordings WHERE owner_user_id = $1 ORDER BY recording_start_time", person.id
        )
        return [dict(row) for row in rows]

    @asynccontextmanager
    async def running(self, **environment: str) -> AsyncIterator[Process]:
        """One more process of the connector."""
        log = f"{self.folder}/{self.source}-{len(self.connectors)}.log"
        with process(f"{self.source}_connector", self.environment | environment, log) as started:
            self.connectors.append(started)
            await ready(started)
            yield started


def environment_of(stack: Stack, source: str, world: World, folder: str) -> dict[str, str]:
    """A connector's environment on a stack, with the sandbox for its provider."""
    prefix = source.upper()
    urls = {f"{prefix}_{name}_URL": world.base + path for name, path in ADDRESSES.get(source, {}).items()}
    return urls | {
        f"{prefix}_CONNECTOR_DATABASE_URL": stack.url(connector_role(source)),
        f"{prefix}_CLIENT_ID": CLIENT["client_id"],
        f"{prefix}_CLIENT_SECRET": CLIENT["client_secret"],
        "KAFKA_BOOTSTRAP_SERVERS": stack.servers.kafka,
        "KAFKA_TOPIC_PREFIX": stack.prefix,
        "STORAGE_URL": f"file://{folder}/storage",
        "PUBLIC_URL": "http://127.0.0.1:9",
        "ALLOW_PRIVATE_ADDRESSES": "true",
        "CREDENTIALS_KEYS": Fernet.generate_key().decode(),
        "WEBHOOK_KEYS": Fernet.generate_key().decode(),
        "CONNECTOR_POLL_SECONDS": "1",
        "CONNECTOR_BUDGET_FACTOR": "100",
        "CONNECTOR_RETRY_SECONDS": "0.2",
    }


@asynccontextmanager
async def source_on(
    stack: Stack, source: str, world: World, folder: str, **environment: str
) -> AsyncIterator[Source]:
    """A source with one connector and the recorder at work."""
    given = environment_of(stack, source, world, folder) | environment
    made = Source(stack, source, folder, given, KeyRing(given["CREDENTIALS_KEYS"]))
    recorder = stack.environment() | {"RECORDER_RETICKET_AFTER": "PT5S", "RECORDER_RECONCILE_EVERY": "PT1S"}
    with process("recorder", recorder, f"{folder}/recorder.log") as writing:
        async with made.running():
            await ready(writing)
            yield made
    for each in made.connectors:
        assert "Traceback" not in each.said() or "chore.failed" not in each.said(), each.said()


async def gathered(*coroutines: Any) -> list[Any]:
    """Several at once."""
    return list(await asyncio.gather(*coroutines))
