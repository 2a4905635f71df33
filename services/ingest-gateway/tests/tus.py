"""A hand that speaks tus, for what a well-behaved client would not do."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import httpx
from tests.support.eventually import eventually

SPOKEN = {"Tus-Resumable": "1.0.0"}
PIECE = SPOKEN | {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """As Upload-Metadata has it."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


async def begin(client: httpx.AsyncClient, size: int, **values: str) -> httpx.Response:
    """Announce a file."""
    headers = SPOKEN | {"Upload-Length": str(size), "Upload-Metadata": metadata(**values)}
    return await client.post("/api/uploads", headers=headers)


async def begun(client: httpx.AsyncClient, size: int, **values: str) -> str:
    """The address of an upload that was announced."""
    answer = await begin(client, size, **values)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def send(client: httpx.AsyncClient, where: str, offset: int, content: Any) -> httpx.Response:
    """One piece."""
    return await client.patch(where, headers=PIECE | {"Upload-Offset": str(offset)}, content=content)


async def sent(client: httpx.AsyncClient, content: bytes, **values: str) -> str:
    """The address of an upload all of whose bytes went in one piece."""
    where = await begun(client, len(content), **values)
    answer = await send(client, where, 0, content)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content))), answer.text
    return where


async def offset_of(client: httpx.AsyncClient, where: str) -> int:
    """How far the upload is, by HEAD."""
    answer = await client.head(where, headers=SPOKEN)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


async def decided(client: httpx.AsyncClient, where: str, within: float = 15.0) -> dict[str, Any]:
    """How an upload stands once it is done or refused."""

    async def probe() -> dict[str, Any] | None:
        told: dict[str, Any] = (await client.get(where)).json()
        return told if told["state"] in ("done", "refused") else None

    return await eventually(probe, within=within)


def id_of(where: str) -> UUID:
    """The id in an upload's address."""
    return UUID(where.rpartition("/")[2])
