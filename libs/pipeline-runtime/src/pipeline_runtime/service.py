"""One way for a service to start, to say how it is, to drain and to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType
from typing import Any, NoReturn

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from pipeline_runtime.logs import configure_logs
from pipeline_runtime.settings import ServiceSettings

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else what is wrong, in a few words."""
Notice = Callable[[], str | None]
"""Answers what an operator should know although all is well, or None."""
Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]

CHECK_SECONDS = 3.0
GRACE_SECONDS = 10
AGAIN_SECONDS = 5.0
"""Until a loop that goes on though it was cancelled is cancelled again. To tidy up takes less."""

log = structlog.get_logger()
_dead_loops: set[str] = set()


def health_routes(checks: Mapping[str, Check], notices: Mapping[str, Notice] | None = None) -> list[BaseRoute]:
    """/healthz (the process is alive), /readyz (it can work; 503 with reasons if not), /metrics.

    /readyz also has `notices` where there are any; they make nobody unready.
    """

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
        wrong = {name: answer for name, answer in zip(checks, answers, strict=True) if answer}
        noted = {name: note for name, notice in (notices or {}).items() if (note := notice())}
        body = {"ready": not wrong, "problems": wrong} | ({"notices": noted} if noted else {})
        return JSONResponse(body, status_code=503 if wrong else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    # Both spellings answer at once: not everything that reads metrics follows a redirect.
    told = [Route(path, metrics) for path in ("/metrics", "/metrics/")]
    return [Route("/healthz", healthz), Route("/readyz", readyz), *told]


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return "no answer in time"
    except Exception as error:
        return type(error).__name__


def check(ping: Callable[[], Awaitable[object]]) -> Check:
    """A check of something that raises where it does not answer."""

    async def ask() -> None:
        await ping()

    return ask


def make_app(
    lifespan: Lifespan, checks: Mapping[str, Check], notices: Mapping[str, Notice] | None = None
) -> Starlette:
    """The app of a service that serves nothing but its health."""
    return Starlette(routes=health_routes(checks, notices), lifespan=lifespan)


@asynccontextmanager
async def running(name: str, loop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a loop that ends only by cancellation, beside the body. If it dies, so does the process.

    A service with a dead part would look healthy and do nothing; the supervisor starts it again.
    """

    async def guarded() -> None:
        try:
            await loop()
        except Exception:
            log.exception("loop.died", loop=name)
            _dead_loops.add(name)
            signal.raise_signal(signal.SIGTERM)
            raise

    task = asyncio.create_task(guarded(), name=name)
    try:
        yield
    finally:
        # Again and again: a library may take it for the end of its own task, and go on (aiokafka's close does).
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=AGAIN_SECONDS)
        await asyncio.gather(task, return_exceptions=True)  # what it died of has been logged


def serve(service: str, settings: ServiceSettings, make: Callable[[], ASGIApp]) -> NoReturn:
    """Serve until SIGTERM or SIGINT, drain, and leave with 0; with 1 where the start failed or a loop died."""
    configure_logs(service, settings.log_level)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _leave)  # uvicorn raises the signal again once it has drained
    config = uvicorn.Config(
        make(),
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    log.info("service.starting", port=settings.http_port)
    try:
        server.run()
    except SystemExit as end:  # ours by a signal, or uvicorn's with a code of its own
        sys.exit(1 if end.code else 0)
    sys.exit(0 if server.started else 1)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1 if _dead_loops else 0)
