"""Fetching: one call, by the connector's own function, into a message; its sound into storage."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import text

from pipeline_contracts import Encoded, StoredAudio
from pipeline_runtime.connectors.http import Http, NotFound
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.values import Audio, Item, Record, Skipped
from pipeline_runtime.failures import (
    DOWNLOAD_INCOMPLETE,
    DOWNLOAD_TOO_LARGE,
    SOURCE_UNREADABLE,
    ItemProblem,
    Problem,
    Transient,
    place_of,
)
from pipeline_runtime.tasks import Task

LARGEST_DOWNLOAD = 4 * 1024**3
_CHUNK = 1024 * 1024
GONE = Skipped("deleted", "The source no longer has this call.")

log = structlog.get_logger()
_NOTICE = text("SELECT body FROM webhook_inbox WHERE id = :inbox AND body IS NOT NULL")


async def fetch(kit: Kit, task: Task) -> Encoded:
    """What is to be said of the item. Raises Transient, ItemProblem."""
    with TemporaryDirectory(prefix=f"callvault-{kit.name}-", ignore_cleanup_errors=True) as folder:
        return await _fetched(kit, task, Path(folder))


async def _fetched(kit: Kit, task: Task, folder: Path) -> Encoded:
    item = await _item(kit, task)
    if item.refusal:
        raise ItemProblem(Problem(*item.refusal, retryable=False))
    http = kit.http(task.account_id, live=task.priority == 0, options=task.payload.get("options"))
    http = replace(http, folder=folder)
    try:
        found = await kit.connector.fetch(http, item)
        if isinstance(found, Record):
            return kit.messages.record(task, item, found)
    except NotFound:
        found = GONE
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        log.warning("item.unreadable", error=type(error).__name__, where=place_of(error))
        raise Transient(SOURCE_UNREADABLE) from error
    if isinstance(found, Audio):
        return kit.messages.audio(task, item, found, await _stored(kit, task, http, found))
    return kit.messages.skipped(task, found)


async def _item(kit: Kit, task: Task) -> Item:
    item = Item.model_validate(task.payload["source_item"])
    inbox = task.payload.get("inbox_id")
    if inbox is None:
        return item
    async with kit.engine.connect() as connection:
        body = await connection.scalar(_NOTICE, {"inbox": UUID(inbox)})
    return item if body is None else item.model_copy(update={"notice": json.loads(body)})


async def _stored(kit: Kit, task: Task, http: Http, audio: Audio) -> StoredAudio:
    """The sound, whole, under a key of this attempt. What lies there already is not fetched again."""
    key = f"{task.owner_user_id}/{task.item_id}.{task.attempt}"
    digest, size = hashlib.sha256(), 0
    async with kit.storage.incoming() as incoming, _chunks(http, audio) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > LARGEST_DOWNLOAD:
                raise ItemProblem(DOWNLOAD_TOO_LARGE)
            digest.update(chunk)
            await asyncio.to_thread(incoming.write, chunk)
        if size < audio.size:
            raise Transient(DOWNLOAD_INCOMPLETE)
        await asyncio.to_thread(incoming.keep, key)
    return StoredAudio(
        key=key, size=size, sha256=digest.hexdigest(), content_type=audio.content_type, filename=audio.filename
    )


@asynccontextmanager
async def _chunks(http: Http, audio: Audio) -> AsyncIterator[AsyncIterator[bytes]]:
    if audio.path is not None:
        yield _of_file(audio.path)
        return
    assert audio.url is not None, "an Audio needs a url or a path"
    async with http.stream("GET", audio.url, bucket="download", headers=dict(audio.headers)) as answer:
        yield _of_answer(answer)


async def _of_file(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


async def _of_answer(answer: Any) -> AsyncIterator[bytes]:
    """Raises download_incomplete where fewer bytes come than were announced, or a page comes in their place."""
    if answer.headers.get("content-type", "").startswith(("text/html", "application/json")):
        raise Transient(DOWNLOAD_INCOMPLETE)
    announced, came = answer.headers.get("content-length"), 0
    async for chunk in answer.aiter_bytes(_CHUNK):
        came += len(chunk)
        yield chunk
    if announced is not None and "content-encoding" not in answer.headers and came != int(announced):
        raise Transient(DOWNLOAD_INCOMPLETE)
