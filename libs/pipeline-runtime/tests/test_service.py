"""A service as a real process: how it starts, says how it is, drains and stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from pipeline_runtime import service as service_module

SCRIPT = """
import asyncio, os, sys
from contextlib import asynccontextmanager
import structlog
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from pipeline_runtime.service import check, make_app, running, serve
from pipeline_runtime.settings import ServiceSettings

log = structlog.get_logger()
mode = sys.argv[1]

@asynccontextmanager
async def lifespan(_):
    if mode == "fails":
        raise LookupError("no such database")
    async with running("loop", loop):
        yield
        log.info("service.drained")

async def loop():
    await asyncio.sleep(0.2 if mode == "dies" else 3600)
    raise RuntimeError("the loop's fault")

async def slow(_):
    log.info("request.begun")
    await asyncio.sleep(0.5)
    return PlainTextResponse("done")

async def database():
    if mode == "serves":
        raise ConnectionError("host, user and password")

async def kafka():
    if mode == "serves":
        await asyncio.sleep(3600)

def make():
    app = make_app(lifespan, {"database": check(database), "kafka": check(kafka)},
                   {"engine": lambda: "its model ends soon", "storage": lambda: None})
    app.routes.append(Route("/slow", slow))
    return app

import pipeline_runtime.service
pipeline_runtime.service.CHECK_SECONDS = 0.2
serve("tests", ServiceSettings(), make)
"""


@dataclass
class Service:
    """A running process and the lines that it said."""

    process: Process
    said: list[dict[str, Any]] = field(default_factory=list)

    async def says(self, event: str) -> dict[str, Any]:
        """The next line whose event matches."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                self.said.append(json.loads(line))
                if re.match(event, str(self.said[-1]["event"])):
                    return self.said[-1]
        raise AssertionError(f"it ended without saying {event}: {self.said}")

    async def address(self) -> str:
        """Where it serves."""
        line = await self.says("Uvicorn running on")
        found = re.search(r"http://127\.0\.0\.1:\d+", str(line["event"]))
        assert found is not None
        return found[0]

    async def ends(self) -> int:
        """The exit code; what it says until then is kept."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            rest = await self.process.stdout.read()
            self.said += [json.loads(line) for line in rest.splitlines()]
            return await self.process.wait()


@asynccontextmanager
async def service(mode: str) -> AsyncIterator[Service]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, mode, stdout=PIPE, env=os.environ | {"HTTP_PORT": "0"}
    )
    try:
        yield Service(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_service_tells_how_it_is_and_drains_when_it_is_told_to_stop() -> None:
    async with service("serves") as one, httpx.AsyncClient() as client:
        client.base_url = httpx.URL(await one.address())
        alive = await client.get("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})

        ready = await client.get("/readyz")
        assert ready.status_code == 503
        problems = {"database": "ConnectionError", "kafka": "no answer in time"}
        notices = {"engine": "its model ends soon"}
        assert ready.json() == {"ready": False, "problems": problems, "notices": notices}

        for path in ("/metrics", "/metrics/"):
            metrics = await client.get(path)
            assert metrics.status_code == 200
            assert metrics.headers["content-type"].startswith("text/plain")
            assert "# TYPE process_start_time_seconds gauge" in metrics.text

        slow = asyncio.create_task(client.get("/slow"))
        await one.says("request.begun")
        one.process.send_signal(signal.SIGTERM)
        assert (await slow).text == "done"
        assert await one.ends() == 0
    events = [line["event"] for line in one.said]
    assert events[0] == "service.starting"
    assert "service.drained" in events
    assert all(line["service"] == "tests" and line["level"] == "info" for line in one.said)


async def test_a_start_that_fails_and_a_loop_that_dies_end_the_process_with_1() -> None:
    async with service("fails") as fails, service("dies") as dies:
        assert await fails.ends() == 1
        assert await dies.ends() == 1
    assert "no such database" in json.dumps(fails.said)
    events = {line["event"]: line for line in dies.said}
    assert "the loop's fault" in events["loop.died"]["exception"]
    assert "service.drained" in events  # even so


async def test_a_loop_that_goes_on_though_it_was_cancelled_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_module, "AGAIN_SECONDS", 0.05)
    took = 0

    async def loop() -> None:
        nonlocal took
        with suppress(asyncio.CancelledError):  # as aiokafka's clients do while they close
            await asyncio.Event().wait()
        took += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(5), service_module.running("deaf", loop):
        await asyncio.sleep(0)
    assert took == 1
