"""The right to write to an upload: one request at a time has it, on whichever replica.

It is a lease in the upload's row, renewed while bytes come in, so no transaction is open meanwhile and a
killed process holds nobody up for long. Who comes later wins: a client that comes back has lost its
earlier connection, which this side may not know yet. So the holder is asked to stop, and does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.problems import NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_FINISHED, UPLOAD_LOCKED, ProblemError
from ingest_gateway.queries import incoming
from ingest_gateway.queries.incoming import Incoming
from pipeline_runtime.database import speaking_for

LEASE = timedelta(seconds=6)
RENEW_SECONDS = 1.0
GIVE_UP_SECONDS = 4.0
"""Two thirds of the lease, by this process's clock: whoever could not renew for so long stops writing."""
PATIENCE_SECONDS = 10.0
"""How long a request waits for its predecessor: longer than the lease of a dead one."""
ASK_SECONDS = 0.1

log = structlog.get_logger()


class Hold:
    """The right to write to one upload. `received` is what is on the disk for good, and is told in the row."""

    def __init__(self, web: AsyncEngine, upload: Incoming, by: UUID, keep: timedelta) -> None:
        self.upload = upload
        self.by = by
        self.keep = keep
        self.received = upload.received
        self.expires_at: datetime = upload.expires_at
        self.is_over = False  # the row is no longer ours: given back, taken, or lost
        self.must_stop = False
        self._web = web
        self._waiting: asyncio.Timeout | None = None

    @asynccontextmanager
    async def waiting(self, seconds: float) -> AsyncIterator[None]:
        """Around waiting for the client. Raises TimeoutError after so long, or at once when we must stop."""
        if self.must_stop:
            raise TimeoutError
        try:
            async with asyncio.timeout(seconds) as self._waiting:
                yield
        finally:
            self._waiting = None

    def stop(self) -> None:
        """Let the body end where it waits for the client, or will next."""
        self.must_stop = True
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def keep_up(self) -> None:
        """Renew until somebody else wants to write, or it could not be renewed for too long."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while not self.must_stop:
            await asyncio.sleep(RENEW_SECONDS)
            begun = loop.time()
            try:
                async with asyncio.timeout_at(renewed + GIVE_UP_SECONDS):
                    is_wanted = await self._renew()
            except Exception as error:
                log.warning("upload.not_renewed", error=type(error).__name__)
                is_wanted = None if loop.time() >= renewed + GIVE_UP_SECONDS else False
            else:
                renewed = begun
                self.is_over = is_wanted is None
            if is_wanted is not False:
                self.stop()

    async def _renew(self) -> bool | None:
        async with speaking_for(self._web, self.upload.owner) as connection:
            return await incoming.renew(
                connection,
                upload=self.upload.id,
                by=self.by,
                lease=LEASE,
                received=self.received,
                keep=self.keep,
            )

    async def give_back(self) -> None:
        """For the next request; what is on the disk counts from here on."""
        if self.is_over:
            return
        self.is_over = True
        async with speaking_for(self._web, self.upload.owner) as connection:
            expires = await incoming.release(
                connection, upload=self.upload.id, by=self.by, received=self.received, keep=self.keep
            )
        if expires is not None:
            self.expires_at = expires


@asynccontextmanager
async def holding(web: AsyncEngine, *, upload: UUID, owner: UUID, keep: timedelta) -> AsyncIterator[Hold]:
    """The right to write, taken from whoever has it.

    Raises not_found, upload_expired, upload_finished, the problem of an upload that was refused, and
    upload_locked where the other one does not let go.
    """
    by = uuid4()
    hold = Hold(web, await _taken(web, upload, owner, by), by, keep)
    keeper = asyncio.create_task(hold.keep_up())
    try:
        yield hold
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await hold.give_back()


async def _taken(web: AsyncEngine, upload: UUID, owner: UUID, by: UUID) -> Incoming:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        async with speaking_for(web, owner) as connection:
            found = await incoming.take(connection, upload=upload, by=by, lease=LEASE)
            if found is None:
                require_open(await incoming.find_incoming(connection, upload=upload))
                await incoming.want(connection, upload=upload)
        if found is not None:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise UPLOAD_LOCKED.error(headers={"Retry-After": "2"})
        await asyncio.sleep(ASK_SECONDS)


def require_open(found: Incoming | None) -> Incoming:
    """The upload, where bytes may still come in. Raises not_found, upload_expired and so on."""
    found = require_usable(found)
    if found.state != "receiving":
        raise UPLOAD_FINISHED.error()
    return found


def require_usable(found: Incoming | None) -> Incoming:
    """The upload, unless it is over without a file. Raises not_found, upload_expired, or why it was refused."""
    if found is None:
        raise NOT_FOUND.error("You have no such upload.")
    if found.state == "refused":
        raise ProblemError(410, found.code or "", found.message or "")
    if found.state == "receiving" and found.is_expired:
        raise UPLOAD_EXPIRED.error()
    return found
