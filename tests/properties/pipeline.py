"""The product's own parts on one database, and the road between them, which is the test's.

Each part writes its messages to the outbox, as always. Here they are taken from there, and lie on
the road until the test delivers them: in any order, late, twice, or never. Nothing else is replaced:
admission, tickets, tasks, fetching, the recorder's writer and reconciler, the gateway's schedule and
retries work as they do in their services, each with its own role.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.manifests import Manifests
from ingest_gateway.messages import SERVICE, discovery_ended, fetch_requested, tickets
from ingest_gateway.queries.failures import reopen_items
from ingest_gateway.queries.schedule import add_job
from ingest_gateway.queries.webhooks import store_delivery
from ingest_gateway.schedule import Schedule
from pipeline_contracts import IMPORT_FETCH, IMPORT_RESULTS, RECORDING_CREATED, Encoded, FetchRequested, decode
from pipeline_runtime.connectors import fetching, inbox, listing
from pipeline_runtime.connectors.kit import Kit, make_kit
from pipeline_runtime.connectors.settings import KitSettings, source_settings
from pipeline_runtime.connectors.tickets import Tickets
from pipeline_runtime.database import make_engine, speaking_for
from pipeline_runtime.failures import ItemProblem
from pipeline_runtime.outbox import Relay
from pipeline_runtime.settings import DatabaseUrl
from pipeline_runtime.tasks import LeaseLost, Task, Worker
from recorder.reconciler import Reconciler
from recorder.results import read
from recorder.settings import RecorderSettings
from recorder.writer import Writer
from tests.properties.provider import GATE, SOURCE, Gate, Provider
from tests.support.results import Raw
from tests.support.servers import connector_role
from tests.support.stack import Person, Stack

FETCH_TOPIC = IMPORT_FETCH.of_source(SOURCE).name
_FORGET = "; ".join(
    f"DELETE FROM {table}" for table in (
        "outbox", "tasks", "webhook_held", "webhook_inbox", "sync_job_items", "sync_jobs", "vault_entries",
        "recordings", "import_sources", "import_usage",
    )
)  # fmt: skip
_LATER = """
UPDATE tasks SET not_before = not_before - $1::interval, lease_until = lease_until - $1::interval,
    sent_at = sent_at - $1::interval;
UPDATE sync_job_items SET opened_at = opened_at - $1::interval, ticketed_at = ticketed_at - $1::interval,
    retry_at = retry_at - $1::interval, revisit_at = revisit_at - $1::interval,
    first_failed_at = first_failed_at - $1::interval;
UPDATE sync_jobs SET created_at = created_at - $1::interval, ticketed_at = ticketed_at - $1::interval;
UPDATE import_sources SET next_sync_at = next_sync_at - $1::interval, checked_at = checked_at - $1::interval,
    created_at = created_at - $1::interval, synced_through = synced_through - $1::interval;
UPDATE webhook_inbox SET received_at = received_at - $1::interval
"""
_RUN_OUT = text("UPDATE tasks SET lease_until = now() WHERE id = :id")
_url = TypeAdapter(DatabaseUrl).validate_python


@dataclass
class Listing:
    """A listing under way, as one worker does it."""

    gate: Gate
    run: asyncio.Task[None]

    async def step(self) -> bool:
        """One page more; False when it is through."""
        self.gate.let_on()
        return await self.stands()

    async def stands(self) -> bool:
        """Whether it waits for another page; raises what it died of."""
        waiting = asyncio.create_task(self.gate.waits.wait())
        await asyncio.wait((waiting, self.run), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if self.run.done():
            self.run.result()
        return not self.run.done()


@dataclass(repr=False)
class Pipeline:
    """All parts, and what is on the road between them. What is `held` comes when all else is over."""

    stack: Stack
    provider: Provider
    kit: Kit
    recorder: Relay
    reconciler: Reconciler
    writers: list[Writer]
    gateway: Relay
    web: AsyncEngine
    schedule: Schedule
    road: list[Encoded] = field(default_factory=list)
    held: list[Encoded] = field(default_factory=list)
    announced: Counter[str] = field(default_factory=Counter)
    listings: list[Listing] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "the pipeline"

    async def begin(self) -> None:
        """Empty tables and an empty road."""
        for one in self.listings:
            one.run.cancel()
        await asyncio.gather(*(one.run for one in self.listings), return_exceptions=True)
        await self.stack.owner.execute(_FORGET)
        for rest in (self.road, self.held, self.announced, self.listings, self.deliveries):
            rest.clear()

    async def connect(self, person: Person, team: str) -> UUID:
        """An account, as a connection leaves it; its first sync is told of."""
        account = uuid4()
        self.provider.teams[account] = team
        await self.stack.owner.execute(
            "INSERT INTO import_sources (id, user_id, source_app, provider_account_id, match_keys, next_sync_at) "
            "VALUES ($1, $2, $3, $4, ARRAY[$4], now() + interval '1 hour')", account, person.id, SOURCE, team,
        )  # fmt: skip
        await self.sync(person, account, "connect")
        return account

    async def sync(self, person: Person, account: UUID, trigger: str = "manual") -> None:
        """A job that lists the account, unless one does so already."""
        job = uuid4()
        async with self.gateway.transaction() as transaction:
            is_new = await add_job(
                transaction.connection, job=job, owner=person.id, source=SOURCE, account=account,
                trigger=trigger, request={},
            )  # fmt: skip
            if is_new:
                message = FetchRequested.model_validate(
                    {"job_id": job, "account_id": account, "trigger": trigger}
                )
                transaction.emit(fetch_requested(message, source=SOURCE, key=account, fact=f"sync.{job}"))

    async def push(self, team: str, call: str, *, again: bool) -> None:
        """The source tells of a call; `again`: under the id of its last delivery."""
        if not (again and self.deliveries):
            self.deliveries.append(uuid4().hex)
        delivery, body = uuid4(), json.dumps({"team": team, "call": call}).encode()
        async with self.gateway.transaction() as transaction:
            is_new = await store_delivery(
                transaction.connection, inbox=delivery, source=SOURCE, account=None, body=body, headers={},
                delivery=self.deliveries[-1],
            )  # fmt: skip
            if is_new:
                message = FetchRequested(trigger="webhook", inbox_id=delivery)
                fact = f"webhook.{delivery}"
                transaction.emit(fetch_requested(message, source=SOURCE, key=delivery, fact=fact))

    async def retry(self, owner: UUID, items: list[UUID]) -> None:
        """The user asks for another try."""
        async with self.gateway.transaction(speaking_for(self.web, owner)) as transaction:
            reopened = await reopen_items(transaction.connection, items=items)
            for ticket in tickets(reopened, owner=owner):
                transaction.emit(ticket)
            for one in reopened:
                if one.outcome != "quota_exceeded":
                    nudge = f".{one.item_id}.{one.attempt}"
                    transaction.emit(discovery_ended(one.job_id, owner=owner, nudge=nudge))

    async def deliver(self, *messages: Encoded) -> None:
        """What is for the recorder in one batch, the rest one by one."""
        results = [Raw(one) for one in messages if one.topic == IMPORT_RESULTS.name]
        if results:
            writer = self.writers.pop()
            try:
                await writer.write([read(one) for one in results])
            finally:
                self.writers.append(writer)
        for one in messages:
            if one.topic == FETCH_TOPIC:
                message = decode(IMPORT_FETCH, one.value, one.headers)
                await Tickets(self.kit, lambda: None).on_fetch(message)

    async def begin_listing(self) -> bool:
        """A worker takes a listing, and stops before its first page; False where there is none."""
        worker = Worker(self.kit.engine, self.kit.listing)
        task = await worker.claim()
        if task is None:
            return False
        gate = Gate()
        GATE.set(gate)
        one = Listing(gate, asyncio.create_task(self._list(worker, task)))
        if await one.stands():
            self.listings.append(one)
        return True

    async def _list(self, worker: Worker, task: Task) -> None:
        if (found := await listing.begin(self.kit, task)) is not None:
            await found.run()
        with suppress(LeaseLost):
            await worker.done(task)

    async def fetch(self, *, stops: str = "") -> bool:
        """A worker fetches the next call; False where there is none.

        It may stop for longer than its lease: "before" or "after" it has sent what it has fetched.
        """
        worker = Worker(self.kit.engine, self.kit.fetching)
        task = await worker.claim()
        if task is None:
            return False
        if stops != "before":
            self.road.append(await self._fetched(task))
        if stops:
            async with self.kit.engine.begin() as connection:
                await connection.execute(_RUN_OUT, {"id": task.id})
        else:
            with suppress(LeaseLost):
                await worker.sent(task)
        return True

    async def _fetched(self, task: Task) -> Encoded:
        try:
            return await fetching.fetch(self.kit, task)
        except ItemProblem as problem:
            return self.kit.messages.failed(task, problem)

    async def look_after(self) -> None:
        """A round of the reconciler, and of the connector's look for deliveries whose message got lost."""
        await self.reconciler.round()
        await inbox.resolve_forgotten(self.kit)

    async def look_at_clock(self) -> None:
        """A round of the gateway's schedule: syncs that are due, another look at what was not ready."""
        await self.schedule.round()
        await self.schedule.tidy()

    async def pass_time(self, time: timedelta) -> None:
        """Everything was that much longer ago."""
        for statement in _LATER.split(";"):
            await self.stack.owner.execute(statement, time)

    async def take_from_outbox(self) -> None:
        """What was committed goes on the road, as a relay would send it."""
        rows = await self.stack.owner.fetch("DELETE FROM outbox RETURNING *")
        for row in sorted(rows, key=lambda row: row["id"]):
            headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
            key, value = row["aggregateid"].encode(), row["payload"].encode()
            message = Encoded(row["aggregatetype"], key, value, headers)
            if message.topic in (IMPORT_RESULTS.name, FETCH_TOPIC):
                self.road.append(message)
            elif message.topic == RECORDING_CREATED.name:
                self.announced[dict(headers)["ce_id"].decode()] += 1


@asynccontextmanager
async def pipeline_on(stack: Stack, folder: Path) -> AsyncIterator[Pipeline]:
    """The parts on a stack, until the end of the block."""
    async with AsyncExitStack() as closing:

        def engine_of(role: str) -> AsyncEngine:
            made = make_engine(_url(stack.url(role)), app="tests")
            closing.push_async_callback(made.dispose)
            return made

        provider = Provider()
        kit = _kit(stack, provider, folder)
        closing.push_async_callback(kit.engine.dispose)
        closing.push_async_callback(kit.client.aclose)
        recorder = Relay(engine_of("callvault_recorder"), stack.publisher, service="recorder")
        settings = RecorderSettings(
            recorder_database_url=_url(stack.url("callvault_recorder")), **stack.kafka.model_dump()
        )
        url, public = stack.url("callvault_recorder"), "http://127.0.0.1"
        writers = [Writer(url, recorder, stack.publisher, public) for _ in range(2)]
        for writer in writers:
            closing.push_async_callback(writer.close)
        gateway = Relay(engine_of("callvault_intake"), stack.publisher, service=SERVICE)
        schedule = Schedule(gateway, _manifests(stack, kit), timedelta(hours=1))
        yield Pipeline(
            stack, provider, kit, recorder, Reconciler(settings, recorder), writers, gateway,
            engine_of("callvault_web"), schedule,
        )  # fmt: skip


def _kit(stack: Stack, provider: Provider, folder: Path) -> Kit:
    settings = KitSettings.model_validate(
        {
            "storage_url": folder.as_uri(),
            "credentials_keys": Fernet.generate_key().decode(),
            "webhook_keys": Fernet.generate_key().decode(),
            **stack.kafka.model_dump(),
        }
    )
    connector = provider.connector()
    url = {f"{SOURCE.upper()}_CONNECTOR_DATABASE_URL": stack.url(connector_role(SOURCE))}
    return make_kit(connector, settings, source_settings(connector.manifest, url))


def _manifests(stack: Stack, kit: Kit) -> Manifests:
    """The gateway knows of the connector, and hears of it all the time."""
    now = datetime.now(UTC)
    manifests = Manifests(stack.kafka, clock=lambda: now)
    message = kit.messages.manifest(kit.connector.manifest, kit.source, kit.keys.public_key)
    manifests.tell(message.key, message.value, message.headers)
    return manifests
