"""The whole stack as its users run it: `callvault up`, then HTTP, and a look into the database and Kafka."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from callvault.clients import http_client
from callvault.control import status
from callvault.embedded.postgres import Postgres
from callvault.environment import MIGRATION_URL, ROLE_URLS, stack_environment
from callvault.finding import find_services, is_connector, source_of
from callvault.home import Home
from callvault.ports import free_port
from tests.support.eventually import eventually

SPEECH = Path(__file__).parents[1] / "speech"
COMMAND = Path(sys.executable).with_name("callvault")
OURS = {"KAFKA_BOOTSTRAP_SERVERS", "CALLVAULT_URL", "CALLVAULT_TOKEN", MIGRATION_URL, *ROLE_URLS}
ENDED = {"completed", "partial", "failed", "cancelled"}


@dataclass(frozen=True)
class Caller:
    """A signed-up user and how they call the gateway."""

    id: UUID
    http: httpx.AsyncClient

    async def upload(self, file: bytes | str, name: str | None = None, **fields: str) -> dict[str, Any]:
        """Hand in a file (its bytes, or the name of one in tests/speech); the gateway's answer."""
        body = (SPEECH / file).read_bytes() if isinstance(file, str) else file
        name = name or (file if isinstance(file, str) else "call.wav")
        answer = await self.http.post("/api/imports/file", files={"file": (name, body)}, data=fields)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def job(self, job: str, *, within: float = 60.0) -> dict[str, Any]:
        """The job, once it has ended."""

        async def probe() -> dict[str, Any] | None:
            try:
                answer = await self.http.get(f"/api/jobs/{job}")
            except httpx.TransportError:
                return None
            ended = answer.status_code == 200 and answer.json()["status"] in ENDED
            return dict(answer.json()) if ended else None

        return await eventually(probe, within=within, every=0.1)


@dataclass(frozen=True)
class Live:
    """A running stack."""

    home: Home
    callers: list[httpx.AsyncClient] = field(default_factory=list)

    async def hang_up(self) -> None:
        """Close the connections of whoever was signed up."""
        while self.callers:
            await self.callers.pop().aclose()

    @property
    def environment(self) -> dict[str, str]:
        """Every address and password of it."""
        return stack_environment(self.home)

    @property
    def url(self) -> str:
        """Where the gateway serves."""
        return self.environment["PUBLIC_URL"]

    @property
    def kafka(self) -> str:
        """Where Kafka is."""
        return self.environment["KAFKA_BOOTSTRAP_SERVERS"]

    def process(self, name: str) -> dict[str, Any]:
        """What `status --json` says of a process."""
        return next(one for one in status(self.home)["processes"] if one["name"] == name)

    async def owner(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection that sees everything."""
        return await asyncpg.connect(self.environment[MIGRATION_URL])

    async def kill(self, name: str) -> None:
        """kill -9 the real process."""
        os.kill(self.process(name)["pid"], signal.SIGKILL)

    async def back(self, name: str, killed: int, *, within: float = 40.0) -> None:
        """Return when the process has been started again and is ready."""

        async def probe() -> bool:
            now = self.process(name)
            return now["state"] == "ready" and now["pid"] not in (None, killed)

        await eventually(probe, within=within)

    async def sign_up(self, plan: str = "unlimited") -> Caller:
        """A new user, by the front door."""
        email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
        http = http_client(self.url, timeout=30, headers={"Origin": self.url})
        self.callers.append(http)
        answer = await http.post("/api/users", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        user = UUID(answer.json()["id"])
        connection = await self.owner()
        await connection.execute("UPDATE users SET plan = $1 WHERE id = $2", plan, user)
        await connection.close()
        return Caller(user, http)

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What a query sees, as the owner of the tables."""
        connection = await self.owner()
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    async def assert_books_balance(self, *users: UUID) -> None:
        """Of these users, soon: every job ended, its counters those of its items, every call once and in a vault."""

        async def balanced() -> bool | None:
            last[:] = await self._imbalances(list(users))
            return not last or None

        last: list[dict[str, Any]] = []
        try:
            await eventually(balanced, within=60, every=0.2)
        except TimeoutError:
            raise AssertionError(f"the books do not balance: {last}") from None

    async def _imbalances(self, users: list[UUID]) -> list[dict[str, Any]]:
        """Jobs that are open or whose counters are not those of their items; owners without each call once."""
        connection = await self.owner()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                jobs = await connection.fetch(
                    """SELECT * FROM (
                         SELECT j.id, j.status, j.ended_at, j.open, j.found, j.imported, count(i.id) AS items,
                           count(*) FILTER (WHERE i.status = 'imported') AS of_items
                         FROM sync_jobs j LEFT JOIN sync_job_items i ON i.job_id = j.id
                         WHERE j.owner_user_id = ANY($1) GROUP BY j.id) x
                       WHERE ended_at IS NULL OR open <> 0 OR found <> items OR imported <> of_items""",
                    users,
                )
                owners = await connection.fetch(
                    """SELECT * FROM (
                         SELECT u.id AS owner,
                           (SELECT coalesce(sum(imported), 0) FROM sync_jobs j WHERE j.owner_user_id = u.id) AS imported,
                           (SELECT count(*) FROM recordings r WHERE r.owner_user_id = u.id) AS recordings,
                           (SELECT count(*) FROM recordings r JOIN vault_entries v ON v.recording_id = r.id
                            WHERE r.owner_user_id = u.id) AS entries
                         FROM users u WHERE u.id = ANY($1)) x
                       WHERE imported <> recordings OR imported <> entries""",
                    users,
                )
        finally:
            await connection.close()
        return [dict(row) for row in (*jobs, *owners)]

    async def events(self, topic: str = "recording.created") -> list[Any]:
        """Every message that lies on a topic now."""
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.kafka,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Any] = []
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def created(self, user: UUID) -> list[dict[str, Any]]:
        """The recording.created events of a user, with their ids as `ce_id`."""
        return [
            json.loads(one.value) | {"ce_id": dict(one.headers)["ce_id"].decode()}
            for one in await self.events()
            if one.key == str(user).encode()
        ]


def _services(folder: Path, sources: Collection[str]) -> Path:
    """A folder with our own services and these connectors alone."""
    chosen = folder / "services"
    chosen.mkdir()
    for one in find_services():
        assert one.source is not None
        if not is_connector(one.name) or source_of(one.name) in sources:
            (chosen / one.name).symlink_to(one.source.parent)
    return chosen


@contextmanager
def live_stack(folder: Path, *, sources: Collection[str] | None = None, **settings: str) -> Iterator[Live]:
    """`callvault up` on a home of its own, and `callvault down` at the end.

    With the connectors of `sources`, or all: each one more that starts costs seconds.
    """
    outer = {name: value for name, value in os.environ.items() if name not in OURS}
    environment = outer | {"CALLVAULT_HOME": str(folder), "SIGNUP": "open", **settings}
    if sources is not None:
        environment["CALLVAULT_SERVICES_DIR"] = str(_services(folder, sources))
    port = str(free_port())  # stacks that start at once would all want the usual one
    run = subprocess.run(
        [COMMAND, "up", "--detach", "--port", port],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    try:
        yield Live(Home(folder))
    finally:
        subprocess.run([COMMAND, "down"], env=environment, capture_output=True, check=True, timeout=90)
        Postgres(folder).remove()  # for root it may lie outside of the folder
