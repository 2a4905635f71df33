"""An S3-speaking server on this machine, with a bucket, for as long as a test likes."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from callvault.clients import http_client
from tests.support.eventually import eventually

NAME = "calls"
_REGION = "eu-north-1"
_SIGNED = {  # the server wants to know whose request it is, and believes it
    "Authorization": f"AWS4-HMAC-SHA256 Credential=tests/20260101/{_REGION}/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}


@dataclass(frozen=True)
class Bucket:
    """A bucket by the name of `calls`. `environment` is what a service needs to reach it."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """As the services and other clients of S3 read it."""
        return {
            "AWS_ENDPOINT_URL": self.address, "AWS_REGION": _REGION, "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests", "AWS_SERVER_SIDE_ENCRYPTION": "AES256",
        }  # fmt: skip

    async def head(self, key: str) -> httpx.Response:
        """What the server says of an object."""
        async with http_client(self.address, headers=_SIGNED) as client:
            return await client.head(f"/{NAME}/{key}")


@asynccontextmanager
async def bucket(folder: Path) -> AsyncIterator[Bucket]:
    """A server with an empty bucket; its log goes into the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (folder / "bucket.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    made = Bucket(f"http://127.0.0.1:{port}")
    try:
        await eventually(partial(_has_bucket, made), within=30)
        yield made
    finally:
        process.kill()
        await process.wait()


async def _has_bucket(made: Bucket) -> bool:
    headers = _SIGNED | {"Content-Type": "application/xml"}
    where = f"<CreateBucketConfiguration><LocationConstraint>{_REGION}</LocationConstraint></CreateBucketConfiguration>"
    async with http_client(made.address, headers=headers) as client:
        try:
            return (await client.put(f"/{NAME}", content=where)).is_success
        except httpx.TransportError:
            return False
