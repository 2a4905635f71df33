"""`make bench`: how long a call takes from a source's webhook to its recording, over the whole stack.

`callvault up` with Kafka, PostgreSQL, gateway, recorder and Fathom's connector, each a process of its
own; the sandbox plays Fathom, signs and sends. What is measured and how to read it: docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # this file's folder would hide packages

import httpx
from aiokafka import AIOKafkaConsumer
from tests.support.eventually import eventually
from tests.support.live import Caller, Live, live_stack
from tests.support.sources import ADDRESSES, CLIENT, World

from benchmarks.machine import percentile
from pipeline_contracts import RECORDING_CREATED

WARMING = 10
"""Calls pushed before those that count: connections, caches and statements are warm then."""
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Waits:
    """Milliseconds at one rate, from the sending of a webhook: to the gateway's answer, and to the event."""

    rate: float
    calls: int
    answered: list[float]
    recorded: list[float]

    def __str__(self) -> str:
        return (
            f"{self.rate:g}/s answered {_figures(self.answered)}, recording.created {_figures(self.recorded)} "
            f"({self.calls} calls)"
        )


def _figures(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5):.0f} ms p99 {percentile(values, 0.99):.0f} ms"


class CheckFailed(Exception):
    """Calls were lost or doubled."""


def main() -> int:
    """Measure, print one line, leave with 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50, help="calls at each rate (default 50)")
    parser.add_argument(
        "--rates", type=float, nargs="*", default=[1.0, 10.0], help="webhooks a second (default 1 10)"
    )
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as folder, _sandbox() as address:
        Path(folder).chmod(0o711)  # the database's user passes through
        world = f"{address}/w/bench"
        settings = {f"FATHOM_{name}_URL": world + path for name, path in ADDRESSES["fathom"].items()}
        settings |= {"FATHOM_CLIENT_ID": CLIENT["client_id"], "FATHOM_CLIENT_SECRET": CLIENT["client_secret"]}
        with live_stack(Path(folder), ALLOW_PRIVATE_ADDRESSES="true", **settings) as live:
            found = asyncio.run(_measure(live, world, wanted.rates, wanted.calls))
    load = os.getloadavg()[0]
    print("webhook: " + "; ".join(map(str, found)) + f"; load {load:.1f} of {os.cpu_count()} cores")
    return 0


@contextmanager
def _sandbox() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield str(json.loads(process.stdout.readline())["address"])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


async def _measure(live: Live, base: str, rates: Sequence[float], calls: int) -> list[Waits]:
    async with httpx.AsyncClient(timeout=60) as http:
        world = World(base, http)
        await world.admin("settings", fathom={"limits": False})
        caller = await live.sign_up()
        try:
            await _connect(caller)
            async with _listening(live) as arrived:
                await _at_rate(world, arrived, WARMING, 5.0)
                found = [await _at_rate(world, arrived, calls, rate) for rate in rates]
            await live.assert_books_balance(caller.id)
        finally:
            await live.hang_up()
    return found


async def _connect(caller: Caller) -> None:
    """Petra connects Fathom by its consent page; her first sync is over and her webhook is there."""

    async def begun() -> httpx.Response | None:
        answer = await caller.http.post("/api/sources/fathom/connect", json={})
        return answer if answer.status_code == 202 else None

    url = (await eventually(begun, within=60)).json()["authorize_url"]
    consent = await caller.http.get(f"{url}&sandbox_consent=accept&sandbox_user=petra")
    await caller.http.get(consent.headers["location"])

    async def synced() -> bool:
        accounts = (await caller.http.get("/api/sources/fathom")).json()["accounts"]
        job = accounts and accounts[0]["job"]
        return bool(job and job["ended_at"] and accounts[0]["webhook"]["state"] == "pushed")

    await eventually(synced, within=90, every=0.2)


@asynccontextmanager
async def _listening(live: Live) -> AsyncIterator[dict[str, list[float]]]:
    """When each call's event arrived here, by the source's id; more than once is a fault."""
    consumer = AIOKafkaConsumer(
        RECORDING_CREATED.name, bootstrap_servers=live.kafka, group_id=None, auto_offset_reset="latest"
    )
    await consumer.start()
    await consumer.seek_to_end()
    arrived: dict[str, list[float]] = {}

    async def listen() -> None:
        async for record in consumer:
            arrived.setdefault(json.loads(record.value)["external_id"], []).append(time.time())

    task = asyncio.create_task(listen())
    try:
        yield arrived
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


async def _at_rate(world: World, arrived: dict[str, list[float]], calls: int, rate: float) -> Waits:
    """Let calls happen, have them pushed at an even pace, wait for their events."""
    made = await world.admin("meetings", source="fathom", host="petra", title="A pushed call", copies=calls)
    meetings = [meeting["id"] for meeting in made["meetings"]]
    begun, under_way = time.perf_counter(), []
    for number, meeting in enumerate(meetings):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        under_way.append(asyncio.create_task(_push(world, meeting)))
    pushed = {
        str(meeting): one for meeting, one in zip(meetings, await asyncio.gather(*under_way), strict=True)
    }

    async def all_there() -> bool:
        return all(call in arrived for call in pushed)

    await eventually(all_there, within=WAIT_SECONDS)
    if doubled := [call for call in pushed if len(arrived[call]) != 1]:
        raise CheckFailed(f"announced more than once: {doubled}")
    recorded = [(arrived[call][0] - sent) * 1000 for call, (sent, _) in pushed.items()]
    return Waits(rate, calls, [seconds * 1000 for _, seconds in pushed.values()], recorded)


async def _push(world: World, meeting: int) -> tuple[float, float]:
    """When the webhook was sent (seconds since 1970), and how long until it was answered."""
    report: Any = await world.admin("webhooks/send", meeting=meeting, user="petra")
    [message] = report["webhooks"]
    first = message["attempts"][0]
    if message["state"] != "delivered" or len(message["attempts"]) != 1:
        raise CheckFailed(f"a webhook was not taken at once: {first}")
    return first["at"] - first["seconds"], first["seconds"]


if __name__ == "__main__":
    raise SystemExit(main())
