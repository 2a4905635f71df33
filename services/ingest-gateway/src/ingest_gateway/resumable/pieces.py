"""Pieces of an upload: each added where the last one ended; with the last one the upload is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from ingest_gateway.problems import PIECE_TOO_LARGE, UPLOAD_LOCKED, WRONG_OFFSET
from ingest_gateway.queries import incoming
from ingest_gateway.resumable.holds import Hold
from ingest_gateway.resumable.receiving import PartialFile, receive
from ingest_gateway.storing import storing
from pipeline_runtime import metrics
from pipeline_runtime.containers import sniff
from pipeline_runtime.database import speaking_for
from pipeline_runtime.failures import ItemProblem
from pipeline_runtime.storage import Storage

log = structlog.get_logger()


class Pieces:
    """What requests do to uploads that they hold."""

    def __init__(self, web: AsyncEngine, storage: Storage) -> None:
        self._web = web
        self._storage = storage

    async def add(self, hold: Hold, request: Request, offset: int) -> None:
        """Take a piece that begins at `offset`. Its bytes count also where it breaks off.

        Raises wrong_offset, piece_too_large, ItemProblem (the upload is refused and ended), and as `receive`.
        """
        async with self._opened(hold) as file:
            if offset != file.size:
                raise WRONG_OFFSET.error(headers={"Upload-Offset": str(file.size)})
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and offset + int(announced) > hold.upload.size:
                raise PIECE_TOO_LARGE.error()
            await receive(request, hold, file)
            await self._complete(hold, file)

    async def look(self, hold: Hold) -> int:
        """Where the next piece begins. An upload that was whole before it could be told is told now."""
        async with self._opened(hold) as file:
            await self._complete(hold, file)
            return file.size

    async def remove(self, hold: Hold) -> None:
        """End the upload; nothing of it stays."""
        async with speaking_for(self._web, hold.upload.owner) as connection:
            await incoming.remove_held(connection, upload=hold.upload.id, by=hold.by)
        hold.is_over = True
        await self._drop(hold)

    @asynccontextmanager
    async def _opened(self, hold: Hold) -> AsyncIterator[PartialFile]:
        path = self._storage.partial(hold.upload.id)
        with storing():
            file = await asyncio.to_thread(PartialFile, path, hold.received)
        hold.received = file.size
        try:
            yield file
        except ItemProblem as problem:
            await self._refuse(hold, problem)
            raise
        finally:
            await asyncio.to_thread(file.close)

    async def _complete(self, hold: Hold, file: PartialFile) -> None:
        """If all bytes are there: the upload is received, with its job and the task that looks at it."""
        if hold.received < hold.upload.size:
            return
        if not file.is_known:
            await asyncio.to_thread(sniff, file.path)
        async with speaking_for(self._web, hold.upload.owner) as connection:
            expires = await incoming.complete(connection, hold.upload, by=hold.by, job=uuid4(), keep=hold.keep)
            if expires is None:
                raise UPLOAD_LOCKED.error()
        hold.is_over, hold.expires_at = True, expires
        metrics.UPLOADS.labels("received").inc()
        log.info("upload.received", upload=str(hold.upload.id), bytes=hold.upload.size)

    async def _refuse(self, hold: Hold, problem: ItemProblem) -> None:
        async with speaking_for(self._web, hold.upload.owner) as connection:
            is_ours = await incoming.refuse_beginning(
                connection, upload=hold.upload.id, by=hold.by, code=problem.code, message=problem.message
            )
        if is_ours:
            hold.is_over = True
            await self._drop(hold)

    async def _drop(self, hold: Hold) -> None:
        await asyncio.to_thread(self._storage.partial(hold.upload.id).unlink, missing_ok=True)
