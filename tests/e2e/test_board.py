"""The board and the alerts on a real Prometheus, while calls come in over the whole stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from callvault.clients import http_client
from tests.support.board import alert_queries, panel_queries
from tests.support.eventually import eventually
from tests.support.live import Caller, Live, live_stack
from tests.support.prometheus import Prometheus, prometheus_over
from tests.support.sources import ADDRESSES, CLIENT, World

pytestmark = pytest.mark.timeout(300)

WORLD = f"board-{uuid4().hex[:8]}"
INTERVAL = "30s"
QUIET = {
    "callvault_partition_held", "callvault_tasks_waiting", "callvault_webhook_oldest_seconds",
    "callvault_audio_removed_total",
}  # fmt: skip
"""What ought to be 0 here: nothing is held, and tasks and webhooks are seen to before they are counted."""
PROVOKED = {"DeadLettersGrowing", "OutboxRefused", "WebhooksRefused"}
ROUNDS = (("budget.mp3", "A first call"), ("support.m4a", "A second call"))


@pytest.fixture(scope="module")
def stack(sandbox_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    base = f"{sandbox_address}/w/{WORLD}"
    settings = {f"FATHOM_{name}_URL": base + path for name, path in ADDRESSES["fathom"].items()}
    settings |= {"FATHOM_CLIENT_ID": CLIENT["client_id"], "FATHOM_CLIENT_SECRET": CLIENT["client_secret"]}
    settings |= {
        "RECORDER_COUNT_EVERY": "PT1S",
        "CONNECTOR_BUDGET_FACTOR": "100",
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }
    with live_stack(tmp_path_factory.mktemp("board"), sources=("fathom",), **settings) as running:
        yield running


@pytest.fixture(autouse=True)
async def _hang_up(stack: Live) -> AsyncIterator[None]:
    """In place of the folder's own, which wants another stack."""
    yield
    await stack.hang_up()


@pytest.fixture
async def world(sandbox_address: str) -> AsyncIterator[World]:
    async with http_client(sandbox_address, timeout=30) as http:
        made = World(f"{sandbox_address}/w/{WORLD}", http)
        await made.admin("settings", fathom={"limits": False, "webhook_scale": 0.01})
        yield made


class Traffic:
    """A user with files and a connected account, and what goes wrong in between."""

    def __init__(self, stack: Live, world: World, caller: Caller, prometheus: Prometheus) -> None:
        self.stack = stack
        self.world = world
        self.caller = caller
        self.prometheus = prometheus
        self.account = ""

    @property
    def path(self) -> str:
        return f"/api/accounts/{self.account}"

    async def connect(self) -> None:
        """By OAuth; returns when the first sync is over and pushes are asked for."""

        async def begun() -> httpx.Response | None:
            answer = await self.caller.http.post("/api/sources/fathom/connect", json={})
            return answer if answer.status_code == 202 else None

        url = (await eventually(begun, within=60)).json()["authorize_url"]
        consent = await self.caller.http.get(f"{url}&sandbox_consent=accept&sandbox_user=tom")
        await self.caller.http.get(consent.headers["location"])

        async def synced() -> str | None:
            accounts = (await self.caller.http.get("/api/sources/fathom")).json()["accounts"]
            is_over = accounts and accounts[0]["job"] and accounts[0]["job"]["ended_at"]
            return str(accounts[0]["id"]) if is_over and accounts[0]["webhook"]["state"] == "pushed" else None

        self.account = await eventually(synced, within=90, every=0.2)

    async def files(self, name: str) -> None:
        """A new one, one that is known the second time, one without speech, one without bytes."""
        taken = [await self.caller.upload(one) for one in (name, "budget.mp3", "silence.m4a")]
        refused = await self.caller.http.post("/api/imports/file", files={"file": ("empty.mp3", b"")})
        assert refused.status_code == 422
        for one in taken:
            await self.caller.job(one["job_id"])

    async def pushes(self, title: str) -> None:
        """A new call, announced twice; then forged ones."""
        before = await self.count()
        made = await self.world.admin("meetings", source="fathom", host="tom", title=title, webhooks=True)
        meeting = made["meetings"][0]["id"]
        [message] = made["webhooks"]
        await self.world.admin("webhooks/redeliver", id=message["id"])
        await self.world.admin("webhooks/send", meeting=meeting, signature="bad", copies=8, retry=False)
        await self.reaches(before + 1)

    async def renewal(self) -> None:
        """A token that has run out, and a source that wants to be left alone for a second."""
        await self.world.admin("tokens/expire", provider="fathom", user="tom")
        await self.world.fault(on="fathom.meetings", answer="fathom.429")
        job = (await self.caller.http.post(f"{self.path}/sync")).json()["job"]
        await self.caller.job(job["id"])

    async def pause(self) -> None:
        """A call that is pushed to a paused account, and comes when it is resumed."""
        before = await self.count()
        assert (await self.caller.http.patch(self.path, json={"paused": True})).is_success
        await self.world.admin("meetings", source="fathom", host="tom", title="Meanwhile", webhooks=True)
        await self.prometheus.sees("callvault_webhooks_held")
        assert (await self.caller.http.patch(self.path, json={"paused": False})).is_success
        await self.reaches(before + 1)

    async def mischief(self) -> None:
        """Junk on a topic, a row that Kafka will not take, a job that nobody has closed, one nobody works on."""
        producer = AIOKafkaProducer(bootstrap_servers=self.stack.kafka)
        await producer.start()
        await producer.send_and_wait("import.results", b"junk", key=b"somebody")
        await producer.stop()
        row = "(id, service, aggregatetype, aggregateid, type, payload, headers, not_before)"
        await self.stack.rows(
            f"INSERT INTO outbox {row} VALUES ($1, 'recorder', 'recording.created', 'somebody', 'x', "
            "repeat('x', 10000000), '{}', now())", uuid4(),
        )  # fmt: skip
        job = "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, discovery_ended_at) "
        forgotten = uuid4()
        await self.stack.rows(job + "VALUES ($1, $2, 'fathom', 'manual', now())", uuid4(), self.caller.id)
        await self.stack.rows(job + "VALUES ($1, $2, 'fathom', 'webhook', NULL)", forgotten, self.caller.id)
        item = '[{"external_id": "nobody works on it", "title": "Forgotten"}]'
        await self.stack.rows("SELECT * FROM admit($1, $2, false)", forgotten, item)

    async def count(self) -> int:
        return int((await self.caller.http.get("/api/sources/fathom")).json()["count"])

    async def reaches(self, wanted: int) -> None:
        async def there() -> bool:
            return await self.count() >= wanted

        await eventually(there, within=60, every=0.2)


@asynccontextmanager
async def following(caller: Caller) -> AsyncIterator[None]:
    """An open event stream."""
    async with caller.http.stream("GET", "/api/events", timeout=None):
        yield


async def test_every_panel_draws_something_and_only_the_alerts_fire_that_should(
    stack: Live, world: World, tmp_path: Path
) -> None:
    begin = time.time()
    async with prometheus_over(stack, tmp_path) as prometheus:
        caller = await stack.sign_up()
        traffic = Traffic(stack, world, caller, prometheus)
        await prometheus.sees("sum(up) == count(up)")
        async with following(caller):
            await traffic.connect()
            for name, title in ROUNDS:
                await asyncio.gather(traffic.files(name), traffic.pushes(title), traffic.mischief())
                await traffic.renewal()
                await traffic.pause()
            await prometheus.sees("callvault_webhook_to_recording_seconds_count > 1")
            await prometheus.sees(f'callvault_user_items{{user="{caller.id}",status="open"}} > 1')
            await prometheus.sees("callvault_event_streams")
        assert await empty_panels(prometheus, begin) == {}
        assert await unknown_metrics(prometheus) == set()
        assert await alerts_that_fire(prometheus) == PROVOKED
        assert UUID(str(caller.id)) in await users_shown(prometheus)


async def empty_panels(prometheus: Prometheus, begin: float) -> dict[str, list[str]]:
    """The panels' queries that showed nothing, or nothing but 0, over all that time."""
    empty: dict[str, list[str]] = {}
    for query in panel_queries():
        found = await prometheus.look(query.over(INTERVAL), begin=begin, end=time.time())
        values = [value for series in found for value in series.values]
        if not values or (max(values) <= 0 and not query.metrics <= QUIET):
            empty.setdefault(query.place, []).append(query.expression)
    return empty


async def unknown_metrics(prometheus: Prometheus) -> set[str]:
    """What alerts read and no service shows: they would be silent for ever."""
    named = set().union(*(query.metrics for query in alert_queries()))
    shown = set(await prometheus.ask("label/__name__/values"))
    return named - shown


async def alerts_that_fire(prometheus: Prometheus) -> set[str]:
    """The rules as Prometheus evaluates them itself; `for` has not passed yet, so most are pending."""
    groups = (await prometheus.ask("rules"))["groups"]
    rules: list[dict[str, Any]] = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == {query.place for query in alert_queries()}
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
    return {rule["name"] for rule in rules if rule["state"] != "inactive"}


async def users_shown(prometheus: Prometheus) -> set[UUID]:
    return {UUID(user) for user in await prometheus.ask("label/user/values")}
