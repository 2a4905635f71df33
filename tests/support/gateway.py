"""A gateway for tests: in this process behind an ASGI transport, or a process of its own behind a socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from callvault.clients import http_client
from callvault.ports import free_port
from callvault.spawn import Child
from ingest_gateway.app import create_app
from ingest_gateway.settings import GatewaySettings
from pipeline_runtime.identifiers import uuid7s
from tests.support.eventually import eventually
from tests.support.programs import start
from tests.support.stack import Person, Stack

SPEECH = Path(__file__).parents[1] / "speech"
MEGABYTE = 1024 * 1024
PUBLIC_URL = "http://gateway.example"


def settings_for(stack: Stack, folder: Path, **more: Any) -> GatewaySettings:
    """A gateway's settings on a test's stack; `more` replaces some."""
    values: dict[str, Any] = {
        "gateway_database_url": stack.url("callvault_web"),
        "intake_database_url": stack.url("callvault_intake"),
        "storage_url": (folder / "storage").as_uri(),
        "public_url": PUBLIC_URL,
        "signup": "open",
        **stack.kafka.model_dump(),
    }
    return GatewaySettings(**values | more)


async def make_token(stack: Stack, person: Person) -> str:
    """A personal API token."""
    token = f"cv_{secrets.token_urlsafe(32)}"
    await stack.owner.execute(
        "INSERT INTO api_tokens (id, user_id, kind, name, token_hash) VALUES ($1, $2, 'personal', 'tests', $3)",
        uuid4(), person.id, hashlib.sha256(token.encode()).digest(),
    )  # fmt: skip
    return token


@dataclass
class Gateway:
    """A gateway in this process."""

    app: FastAPI
    stack: Stack
    storage: Path

    def anonymous(self, address: str | None = None) -> httpx.AsyncClient:
        """A client that is nobody, from an address of its own; it sends an Origin as a browser does."""
        address = address or f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers={"Origin": PUBLIC_URL})

    async def client_of(self, person: Person) -> httpx.AsyncClient:
        """A client with a person's API token."""
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {await make_token(self.stack, person)}"
        return client

    def stored(self) -> list[Path]:
        """Every file in storage, half-written ones included."""
        return [path for path in self.storage.rglob("*") if path.is_file()]


@asynccontextmanager
async def gateway_of(stack: Stack, folder: Path, **more: Any) -> AsyncIterator[Gateway]:
    """A running gateway in this process."""
    app = create_app(settings_for(stack, folder, **more))
    async with app.router.lifespan_context(app):
        gateway = Gateway(app, stack, folder / "storage")
        async with gateway.anonymous() as client:
            await eventually(partial(_is_ready, client), within=60, every=0.02)
        yield gateway


async def upload(client: httpx.AsyncClient, name: str, content: bytes, **fields: str) -> httpx.Response:
    """Post a file."""
    return await client.post("/api/imports/file", files={"file": (name, content)}, data=fields)


async def upload_speech(client: httpx.AsyncClient, name: str, **fields: str) -> httpx.Response:
    """Post one of the files in tests/speech."""
    return await upload(client, name, (SPEECH / name).read_bytes(), **fields)


async def fail_item(stack: Stack, item: UUID, code: str = "engine_unavailable") -> None:
    """End an open item of a job with one item as the recorder would."""
    async with stack.owner.transaction():
        job = await stack.owner.fetchval(
            "UPDATE sync_job_items SET status = 'failed', code = $2, message = 'It did not answer.', "
            "retryable = true, ended_at = now() WHERE id = $1 AND status = 'found' RETURNING job_id",
            item, code,
        )  # fmt: skip
        await stack.owner.execute(
            "UPDATE sync_jobs SET failed = failed + 1, status = 'failed', ended_at = now(), "
            "version = version + 1 WHERE id = $1",
            job,
        )


async def add_recording(stack: Stack, person: Person, external_id: str, text: str = "Good morning.") -> UUID:
    """Put a call into the library."""
    (recording,) = uuid7s(1)  # as the recorder's, whose ids rise with time
    await stack.owner.execute(
        "INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, "
        "source_metadata, recording_start_time, imported_by_item) "
        "VALUES ($1, $2, $3, 'A call', $4, 'file_upload', $5, $6, now(), $7)",
        recording, person.bank, person.id, text, external_id,
        json.dumps({"container": "mp3", "external_id": external_id}), uuid4(),
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO vault_entries (vault_id, recording_id) VALUES ($1, $2)", person.vault, recording
    )
    return recording


@dataclass
class GatewayProcess:
    """A gateway as it runs in earnest."""

    process: Child
    url: str
    stack: Stack
    storage: Path
    log: Path

    async def client_of(self, person: Person) -> httpx.AsyncClient:
        """A client with a person's API token."""
        token = await make_token(self.stack, person)
        return http_client(self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def stored(self) -> list[Path]:
        """Every file in storage, half-written ones included."""
        return [path for path in self.storage.rglob("*") if path.is_file()]

    def resident_bytes(self) -> int:
        """What the process has in memory now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait)


@asynccontextmanager
async def gateway_process(stack: Stack, folder: Path, **more: str) -> AsyncIterator[GatewayProcess]:
    """A gateway in a process of its own; `more` goes into its environment."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = stack.environment() | {
        "HTTP_PORT": str(port), "PUBLIC_URL": url, "STORAGE_URL": (folder / "storage").as_uri(), "SIGNUP": "open",
    }  # fmt: skip
    log = folder / "gateway.log"
    process = start("ingest_gateway", environment | more, log)
    running = GatewayProcess(process, url, stack, folder / "storage", log)
    try:
        await _ready(running)
        yield running
    finally:
        await running.stop()


async def _ready(running: GatewayProcess) -> None:
    async def probe() -> bool:
        if running.process.poll() is not None:
            raise RuntimeError(f"the gateway did not start: {running.log.read_text()[-2000:]}")
        return await _is_ready(client)

    async with http_client(running.url) as client:
        await eventually(probe, within=60)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
