"""How a handler becomes a route: counted, spoilt where a rule says so, refusals answered."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import faults
from sandbox.answers import Refused
from sandbox.calls import Call
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]


def world_of(request: Request) -> World:
    """The world that the request's path named."""
    world = request.scope["sandbox.world"]
    assert isinstance(world, World)
    return world


def note(request: Request, text: str, user: str | None = None) -> None:
    """Say more of a call in the log than its address does."""
    call: Call = request.scope["sandbox.call"]
    call.note, call.user = text, user or call.user


def route(name: str, path: str, handler: Handler, methods: Sequence[str] = ("GET",)) -> Route:
    """A provider's endpoint. `name` is what faults and the call log know it by."""

    async def answer(request: Request) -> Response:
        return await serve(name, request, handler)

    return Route(path, answer, methods=list(methods), name=name)


async def serve(name: str, request: Request, handler: Handler) -> Response:
    """One call from the log's first line to its last."""
    world, began = world_of(request), time.monotonic()
    call = world.calls.begin(name, request, world.user_of(request))
    fired = world.faults.take(name, request.method, call.user, request.url.path)
    call.fault = [rule.id for rule in fired]
    request.scope["sandbox.call"] = call
    response = await faults.apply(fired, lambda: _handled(handler, request), world.act)
    call.status, call.seconds = response.status_code, round(time.monotonic() - began, 3)
    return response


async def _handled(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Refused as refused:
        return refused.response()
