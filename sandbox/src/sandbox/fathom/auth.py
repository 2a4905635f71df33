"""Who calls Fathom, what the call costs, and the token endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused
from sandbox.consent import authorize
from sandbox.limits import Hit
from sandbox.meetings.people import USERS, User
from sandbox.oauth import Lifetimes, OAuthRefused, Pair
from sandbox.routes import Handler, note, world_of
from sandbox.world import KEYS, World

SCOPE = "public_api"
RATE = "sandbox.fathom.rate"
"""Where in an ASGI scope the rate headers of the answer stand."""


@dataclass(frozen=True)
class Caller:
    """A user, and the client that speaks for them."""

    user: User
    oauth: bool
    client: str


def limited(handler: Handler) -> Handler:
    """The handler's answers, refusals among them, with the rate headers of what `count` counted."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except Refused as refused:
            response = refused.response()
        response.headers.update(request.scope.get(RATE, {}))
        return response

    return answer


def caller(request: Request, bucket: str = "global") -> Caller:
    """Check token or key, count the call. Refuses with 401 and 429."""
    who = _known(request)
    if who is None:
        count(request, "fathom/nobody", bucket, calls=0)
        raise Refused(401, "Unauthorized")
    count(request, f"fathom/{who.user.key}/{bucket}", bucket)
    return who


def _known(request: Request) -> Caller | None:
    world = world_of(request)
    key, bearer = request.headers.get("x-api-key"), request.headers.get("authorization", "")
    token = world.oauth["fathom"].find(bearer.removeprefix("Bearer "))
    if key in KEYS:
        return Caller(USERS[KEYS[key]], oauth=False, client="api-key")
    if token and world.oauth["fathom"].is_live(token):
        return Caller(USERS[token.user], oauth=True, client=token.client_id)
    return None


def count(request: Request, key: str, bucket: str, *, calls: int = 1) -> None:
    """Count a call and note the rate headers of its answer, or refuse it with 429."""
    world = world_of(request)
    settings = world.settings.fathom
    if not settings.limits:
        return
    limit = getattr(settings, f"limit_{bucket}")
    hit = world.limits.hit(key, limit, settings.window_seconds, world.clock.now(), calls)
    headers = request.scope[RATE] = _headers(hit)
    if not hit.allowed:
        raise Refused(429, "Too Many Requests", {"Retry-After": headers["RateLimit-Reset"]})


def _headers(hit: Hit) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(hit.limit),
        "RateLimit-Remaining": str(hit.remaining),
        "RateLimit-Reset": str(ceil(hit.reset)),
    }


async def on_authorize(request: Request) -> Response:
    """The consent page."""
    world = world_of(request)
    return await authorize(request, "fathom", world.oauth["fathom"], world.settings.fathom.consent)


async def on_token(request: Request) -> Response:
    """Client id and secret stand in the form; Basic is not taken."""
    world = world_of(request)
    form = {key: str(value) for key, value in (await request.form()).items()}
    note(request, form.get("grant_type", ""))
    count(request, f"fathom/app/{form.get('client_id')}", "token")
    try:
        pair = _pair(world, form)
    except OAuthRefused as refused:
        error = "invalid_client" if refused.reason == "client" else "invalid_grant"
        body = {"error": error, "error_description": f"The grant is invalid: {refused.reason}"}
        raise Refused(401 if error == "invalid_client" else 400, body) from None
    note(request, form["grant_type"], pair.access.user)
    return JSONResponse(_shape(world, pair))


def _pair(world: World, form: dict[str, str]) -> Pair:
    server, settings = world.oauth["fathom"], world.settings.fathom
    life = Lifetimes(settings.access_seconds, settings.refresh_seconds, settings.refresh_grace)
    client = server.app(form.get("client_id", ""), form.get("client_secret", "")).client_id
    if form.get("grant_type") == "authorization_code":
        verifier = form.get("code_verifier")
        code = server.redeem(form.get("code", ""), client, form.get("redirect_uri", ""), verifier)
        return server.issue(code.user, client, SCOPE, life)
    if form.get("grant_type") == "refresh_token":
        return server.refresh(form.get("refresh_token", ""), client, SCOPE, life)
    raise Refused(400, {"error": "unsupported_grant_type"})


def _shape(world: World, pair: Pair) -> dict[str, Any]:
    assert pair.refresh
    return {
        "access_token": pair.access.value,
        "token_type": "Bearer",
        "expires_in": max(int(pair.access.expires - world.clock.now() + 0.5), 1),
        "refresh_token": pair.refresh.value,
        "scope": pair.access.scope,
    }
