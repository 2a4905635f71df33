"""YouTube's connector at work, against the sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from tests.support.eventually import eventually
from tests.support.fixtures import stack_on
from tests.support.servers import Servers
from tests.support.sources import Source, World, source_on, world_at
from tests.support.stack import Person

from pipeline_contracts import FetchRequested


@dataclass(frozen=True)
class Desk:
    """A user with links, and what a gateway would do for them."""

    source: Source
    person: Person

    async def bring(self, *links: str, **options: bool) -> UUID:
        """Links as the gateway takes them; the job."""
        job = uuid4()
        await self._make(job, "manual", {"links": list(links), "options": options})
        message = FetchRequested(job_id=job, trigger="manual", links=links, options=options)
        await self.source.publish(message, self.person.id)
        return job

    async def look_again(self, item: dict[str, Any]) -> UUID:
        """As the gateway's schedule does once it is time."""
        job = uuid4()
        await self._make(job, "retry", {"revisit": str(item["id"])})
        message = FetchRequested(job_id=job, trigger="retry", item_ids=(item["id"],))
        await self.source.publish(message, self.person.id)
        return job

    async def ended(self, *links: str, **options: bool) -> dict[str, Any]:
        """The job of these links, once it has ended."""
        return await self.source.ended(await self.bring(*links, **options))

    async def items(self, job: UUID) -> list[dict[str, Any]]:
        """A job's items, by title."""
        rows = await self.source.stack.owner.fetch(
            "SELECT * FROM sync_job_items WHERE job_id = $1 ORDER BY title", job
        )
        return [dict(row) for row in rows]

    async def item(self, *links: str, **options: bool) -> dict[str, Any]:
        """The one item that the links have come to, once it has ended."""
        job = await self.bring(*links, **options)
        await self.source.ended(job)
        (row,) = await self.items(job)
        return row

    async def recording(self, *links: str, **options: bool) -> dict[str, Any]:
        """The one recording that the links have brought."""
        row = await self.item(*links, **options)
        assert row["status"] == "imported", row
        found = await self.source.stack.owner.fetchrow(
            "SELECT * FROM recordings WHERE id = $1", row["recording_id"]
        )
        return dict(found) | {"source_metadata": json.loads(found["source_metadata"])}

    async def waits(self, job: UUID, code: str) -> None:
        """Return when something of the job is put off for this reason."""
        process = self.source.connectors[0]

        async def said() -> bool:
            rows = [json.loads(line) for line in process.said().splitlines() if line.startswith("{")]
            return any(
                row.get("event") == "task.later" and row.get("code") == code and row.get("job") == str(job)
                for row in rows
            )

        await eventually(said, within=30)

    async def hands_on(self, job: UUID) -> dict[str, Any]:
        """The message that gives the job's one sound to the transcriber. There is none here: the job is stopped."""

        async def probe() -> dict[str, Any] | None:
            rows = [json.loads(row.value) for row in await self.source.stack.messages("import.audio")]
            return next((row for row in rows if row["job_id"] == str(job)), None)

        message = await eventually(probe, within=30)
        await self.source.cancel(job)
        await self.source.ended(job)
        return message

    async def _make(self, job: UUID, trigger: str, request: dict[str, Any]) -> None:
        await self.source.stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, request) "
            "VALUES ($1, $2, 'youtube', $3, $4)", job, self.person.id, trigger, json.dumps(request),
        )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(sandbox_address: str) -> AsyncIterator[World]:
    """A world for the tests of a file."""
    async with world_at(sandbox_address) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def youtube(running_servers: Servers, world: World, tmp_path_factory: object) -> AsyncIterator[Source]:
    """One connector and one recorder for the tests of a file."""
    folder = tmp_path_factory.mktemp("youtube")  # type: ignore[attr-defined]
    api = {"YOUTUBE_API_URL": f"{world.base}/youtube", "CONNECTOR_SILENT_WAIT_SECONDS": "1"}
    async with (
        stack_on(running_servers) as stack,
        source_on(stack, "youtube", world, str(folder), **api) as source,
    ):
        yield source


@pytest_asyncio.fixture(loop_scope="module")
async def desk(youtube: Source) -> Desk:
    """A new user."""
    return Desk(youtube, await youtube.stack.person())
