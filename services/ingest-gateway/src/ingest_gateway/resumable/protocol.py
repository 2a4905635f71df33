"""What tus 1.0 says in headers: https://tus.io/protocols/resumable-upload."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import Header
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_gateway.filenames import UNNAMED, clean_filename
from ingest_gateway.problems import (
    INVALID_FIELD,
    NOT_OFFSET_STREAM,
    TUS_VERSION,
)

PATH = "/api/uploads"
CHECK = f"{PATH}/check"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
METADATA_LIMIT = 16 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TusHeaders:
    """Says on every answer below PATH which protocol is spoken, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        await self._app(scope, receive, send_with_version)


def require_version(
    version: Annotated[str, Header(alias="Tus-Resumable", description="The protocol: 1.0.0.")] = "",
) -> None:
    """Raises tus_version where the client speaks another protocol, or none."""
    if version != VERSION:
        raise TUS_VERSION.error(headers={"Tus-Version": VERSION})


def require_stream(request: Request) -> None:
    """Raises not_offset_stream where the body is not said to be a piece of an upload."""
    if not is_stream(request):
        raise NOT_OFFSET_STREAM.error()


def is_stream(request: Request) -> bool:
    """Whether the body is a piece of an upload."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def read_metadata(header: str) -> dict[str, bytes]:
    """Upload-Metadata, decoded: keys as they are, values as bytes. Raises invalid_field."""
    if len(header) > METADATA_LIMIT:
        raise INVALID_FIELD.error("`Upload-Metadata` is too long.")
    found: dict[str, bytes] = {}
    for pair in filter(None, (one.strip() for one in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise INVALID_FIELD.error(f"`{key[:40]}` in `Upload-Metadata` is not Base64.") from None
    return found


def fields_of(metadata: dict[str, bytes]) -> dict[str, str]:
    """The same as text, as the fields of a form are."""
    return {key: value.decode("utf-8", "replace") for key, value in metadata.items()}


def filename_of(metadata: dict[str, bytes]) -> str:
    """The file's name, by the key that clients use. Raises invalid_filename."""
    raw = metadata.get("filename") or metadata.get("name") or b""
    return clean_filename(raw) if raw else UNNAMED


def claimed_sha256(metadata: dict[str, bytes]) -> str | None:
    """The hash that the client says the file has. Raises invalid_field."""
    claim = metadata.get("sha256", b"").decode("ascii", "replace").strip().lower()
    if claim and not _SHA256.fullmatch(claim):
        raise INVALID_FIELD.error("`sha256` has 64 hexadecimal digits.")
    return claim or None


def http_date(moment: datetime) -> str:
    """As headers have it. The time is aware, and in any zone."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
