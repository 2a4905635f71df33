"""The ASGI application: finds the world and the host, then the route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.admin.commands import act, run
from sandbox.admin.routes import ROUTES as ADMIN
from sandbox.fathom.routes import ROUTES as FATHOM
from sandbox.openai.routes import ROUTES as OPENAI
from sandbox.world import Hosts, Worlds
from sandbox.youtube.routes import ROUTES as YOUTUBE
from sandbox.zoom.routes import ROUTES as ZOOM
from sandbox.zoom.routes import STORAGE_ROUTES

WORLD = "/w/"


def make_app(hosts: Hosts, storage_port: int, seed: int, scenario: str = "") -> ASGIApp:
    """Requests to `storage_port` see the second host's routes alone. The default world plays the scenario."""
    http = httpx.AsyncClient(timeout=30, trust_env=False)
    worlds = Worlds(hosts, http, seed, act)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if scenario:
            await run(worlds.get("default"), "scenario", {"name": scenario})
        yield
        worlds.stop()
        await http.aclose()

    main = Starlette(routes=[*ADMIN, *FATHOM, *ZOOM, *YOUTUBE, *OPENAI], lifespan=lifespan)
    storage = Starlette(routes=STORAGE_ROUTES)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await main(scope, receive, send)
            return
        name, scope["path"], scope["raw_path"] = _split(scope["path"], scope["raw_path"])
        scope["sandbox.worlds"], scope["sandbox.world"] = worlds, worlds.get(name)
        chosen = storage if scope["server"][1] == storage_port else main
        await chosen(scope, receive, send)

    return app


def _split(path: str, raw: bytes) -> tuple[str, str, bytes]:
    """The world's name, and the path without it."""
    if not path.startswith(WORLD):
        return "default", path, raw
    name, _, rest = path.removeprefix(WORLD).partition("/")
    rest_raw = raw.removeprefix(WORLD.encode()).partition(b"/")[2]
    return name, f"/{rest}", b"/" + rest_raw
