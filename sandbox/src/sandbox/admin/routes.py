"""`/admin/...` over HTTP. Every POST is a command; the GETs look."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.admin import meetings, scenarios, webhooks
from sandbox.admin import world as world_commands
from sandbox.admin.commands import COMMANDS, run
from sandbox.admin.environment import environment
from sandbox.meetings.people import USERS
from sandbox.routes import world_of
from sandbox.world import World, Worlds

__all__ = ["ROUTES", "meetings", "webhooks", "world_commands"]  # importing them registers their commands


async def on_post(request: Request) -> Response:
    """Run the command of that path."""
    path = request.path_params["path"].strip("/")
    try:
        body = json.loads(await request.body() or b"{}")
        if path == "reset":
            return JSONResponse(_state(_reset(request, body)))
        if path == "faults" and isinstance(body, list):
            body = {"rules": body}
        elif path == "faults" and "on" in body:
            body = {"rules": [body]}
        if path not in COMMANDS:
            return JSONResponse({"error": "no such admin call", "calls": sorted(COMMANDS)}, 404)
        return JSONResponse(await run(world_of(request), path, body))
    except ValidationError as error:
        return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
    except json.JSONDecodeError as error:
        return JSONResponse({"error": f"the body is not JSON: {error}"}, 422)
    except KeyError as error:
        return JSONResponse({"error": f"not there: {error.args[0]}"}, 404)


def _reset(request: Request, body: dict[str, Any]) -> World:
    worlds: Worlds = request.scope["sandbox.worlds"]
    return worlds.reset(world_of(request).name, body.get("seed"))


async def on_delete(request: Request) -> Response:
    """DELETE of faults (?id=), meetings (?meeting=), calls, or the whole world (`/admin/world`)."""
    path, world = request.path_params["path"].strip("/"), world_of(request)
    if path == "calls":
        world.calls.calls.clear()
        return JSONResponse({})
    if path == "world":
        request.scope["sandbox.worlds"].drop(world.name)
        return JSONResponse({})
    if path not in ("faults", "meetings"):
        return JSONResponse({"error": "only faults, meetings, calls and world can be deleted"}, 404)
    try:
        return JSONResponse(await run(world, f"{path}/delete", dict(request.query_params)))
    except KeyError as error:
        return JSONResponse({"error": f"not there: {error.args[0]}"}, 404)


async def on_state(request: Request) -> Response:
    """Everything at a glance. Tokens are counted and not shown."""
    return JSONResponse(_state(world_of(request)))


def _state(world: World) -> dict[str, Any]:
    hook = world.zoom.hook
    return {
        "world": world.name,
        "base": world.base,
        "storage": world.storage_base,
        "seed": world.seed,
        "clock_ahead": world.clock.ahead,
        "users": {
            key: {
                "name": user.name, "email": user.email, "team": user.team, "fathom_api_key": user.api_key,
                "zoom_id": user.zoom_id, "zoom_account": user.zoom_account,
            }
            for key, user in USERS.items()
        },
        "meetings": {source: len(world.of(source)) for source in ("fathom", "zoom", "youtube")},
        "tokens": {
            name: {
                kind: sum(t.kind == kind and t.dead is None and t.expires > world.clock.now() for t in tokens)
                for kind in ("access", "refresh")
            }
            for name, tokens in ((name, server.tokens.values()) for name, server in world.oauth.items())
        },
        "fathom_webhooks": [
            {"id": s.id, "user": s.user, "url": s.url, "triggered_for": s.triggered_for}
            for s in world.fathom.subscriptions.values()
        ],
        "zoom_webhook": hook and {
            "url": hook.url, "valid": hook.valid, "challenges": hook.challenges, "pauses": hook.pauses,
        },
        "faults": [rule.report() for rule in world.faults.rules],
        "last_call": world.calls.count,
    }  # fmt: skip


async def on_calls(request: Request) -> Response:
    """?endpoint=zoom.*&user=maya&after=12, all optional."""
    query = request.query_params
    after = int(query.get("after", "0"))
    report = world_of(request).calls.report(
        endpoint=query.get("endpoint", "*"), user=query.get("user"), after=after
    )
    return JSONResponse(report)


async def on_meetings(request: Request) -> Response:
    """?source=zoom&host=maya&lines=1, all optional; `lines` adds what was said."""
    query, world = request.query_params, world_of(request)
    found = [
        meeting
        for meeting in world.meetings
        if query.get("source") in (None, meeting.source) and query.get("host") in (None, meeting.host)
    ]
    shown = [meetings.report(world, meeting) for meeting in found]
    if query.get("lines"):
        for row, meeting in zip(shown, found, strict=True):
            row["said"] = [[line.speaker, line.text, line.start, line.end] for line in meeting.lines]
    return JSONResponse({"meetings": shown})


async def on_look(request: Request) -> Response:
    """settings, faults, webhooks, scenarios, worlds, environment."""
    world, worlds = world_of(request), request.scope["sandbox.worlds"]
    looks: dict[str, Any] = {
        "settings": world.settings.model_dump(mode="json"),
        "faults": {"faults": [rule.report() for rule in world.faults.rules]},
        "webhooks": {"webhooks": [message.report() for message in world.courier.messages]},
        "scenarios": {"scenarios": scenarios.names()},
        "worlds": {"worlds": worlds.names()},
        "environment": environment(world),
        "health": {"status": "ok"},
    }
    path = request.path_params["path"].strip("/")
    return JSONResponse(looks[path]) if path in looks else JSONResponse({"looks": sorted(looks)}, 404)


async def on_ready(_: Request) -> Response:
    """For whoever starts the process and waits for it."""
    return JSONResponse({"status": "ok"})


ROUTES: list[BaseRoute] = [
    Route("/readyz", on_ready),
    Route("/admin/state", on_state),
    Route("/admin/calls", on_calls),
    Route("/admin/meetings", on_meetings),
    Route("/admin/{path:path}", on_look),
    Route("/admin/{path:path}", on_post, methods=["POST"]),
    Route("/admin/{path:path}", on_delete, methods=["DELETE"]),
]
