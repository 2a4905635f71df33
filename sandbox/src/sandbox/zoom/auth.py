"""Who calls Zoom, the limits of their account, and the token endpoints."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused
from sandbox.clock import iso
from sandbox.consent import authorize
from sandbox.meetings.catalogue import STARTED
from sandbox.meetings.people import USERS, User
from sandbox.oauth import Lifetimes, OAuthRefused, Pair, Token
from sandbox.routes import note, world_of
from sandbox.world import World

PER_SECOND = {
    "free": {"light": 4, "medium": 2},
    "pro": {"light": 30, "medium": 20},
    "business": {"light": 80, "medium": 60},
}
DAILY = {"free": {"light": 6000, "medium": 2000}, "pro": {}, "business": {}}
TOO_FAST = "You have reached the maximum per-second rate limit for this API. Try again later."
TOO_MANY = (
    "You have reached the maximum daily rate limit for this API. Refer to the response header for details."
)
DAY = 86400
SENTENCES = {
    "client": ("invalid_client", "Invalid client_id or client_secret"),
    "redirect": ("invalid_request", "Redirect URI mismatch."),
    "code_unknown": ("invalid_grant", "Invalid authorization code (4734)"),
    "code_used": ("invalid_grant", "Invalid authorization code (4734)"),
    "code_expired": ("invalid_grant", "The authorization code has expired (4733)"),
    "pkce": ("invalid_request", "code challenge failed"),
    "reauthorised": ("invalid_grant", "The token has been revoked (4741)"),
}


def refused(
    status: int, code: int, message: str, headers: dict[str, str] | None = None, **more: Any
) -> Refused:
    """Zoom's error body."""
    return Refused(status, {"code": code, "message": message, **more}, headers)


def live_token(request: Request) -> Token:
    """The caller's token, or 401 with 124 (or 4741 after a new authorisation)."""
    server = world_of(request).oauth["zoom"]
    token = server.find(request.headers.get("authorization", "").removeprefix("Bearer "))
    if token is None:
        raise refused(401, 124, "Invalid access token.")
    if token.dead == "reauthorised":
        raise refused(401, 4741, "The token has been revoked.")
    if not server.is_live(token):
        raise refused(401, 124, "Access token is expired.")
    return token


def caller(request: Request, label: str, *scopes: str) -> tuple[User, dict[str, str]]:
    """The user and the rate headers. Any one of the scopes is enough."""
    world, token = world_of(request), live_token(request)
    user = USERS[token.user]
    granted = set(token.scope.split())
    if not any(scope in granted or f"{scope}:admin" in granted for scope in scopes):
        text = f"Invalid access token, does not contain scopes:[{', '.join(scopes)}]."
        raise refused(world.settings.zoom.scope_status, 4711, text)
    return user, count(world, user.zoom_account, label)


def count(world: World, account: str, label: str) -> dict[str, str]:
    """Count a call on the account; 429 beyond its limits."""
    settings, now = world.settings.zoom, world.clock.now()
    if not settings.limits:
        return {}
    limit = settings.daily_limit or DAILY[settings.plan].get(label)
    if limit is not None and not world.limits.hit(f"zoom/{account}/{label}/day", limit, DAY, now).allowed:
        raise refused(429, 429, TOO_MANY, _daily(world, label, limit))
    limit = PER_SECOND[settings.plan][label]
    hit = world.limits.hit(f"zoom/{account}/{label}", limit, 1, now)
    headers = {
        "X-RateLimit-Category": label.capitalize(),
        "X-RateLimit-Type": "QPS",
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(hit.remaining),
    }
    shown = headers if settings.limit_headers == "full" else {}
    if not hit.allowed:
        reset = {"X-RateLimit-Reset": str(ceil(now + hit.reset))} if shown else {}
        raise refused(429, 429, TOO_FAST, {**shown, **reset})
    return shown


def _daily(world: World, label: str, limit: int) -> dict[str, str]:
    """The daily cap names a date in ISO 8601: the next midnight."""
    if world.settings.zoom.limit_headers == "none":
        return {}
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return {
        "X-RateLimit-Category": label.capitalize(), "X-RateLimit-Type": "Daily-limit",
        "X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": "0", "Retry-After": iso(midnight),
    }  # fmt: skip


async def on_authorize(request: Request) -> Response:
    """The consent page."""
    world = world_of(request)
    return await authorize(request, "zoom", world.oauth["zoom"], world.settings.zoom.consent)


async def on_token(request: Request) -> Response:
    """Basic authentication, form body."""
    world = world_of(request)
    form = {key: str(value) for key, value in (await request.form()).items()}
    note(request, form.get("grant_type", ""))
    try:
        pair = _pair(request, world, form)
    except OAuthRefused as why:
        error, reason = SENTENCES.get(why.reason, ("invalid_grant", "Invalid Token!"))
        status = 401 if why.reason == "client" else 400
        code = {"code": 4741} if why.reason == "reauthorised" else {}
        raise Refused(status, {"reason": reason, "error": error, **code}) from None
    note(request, form["grant_type"], pair.access.user)
    return JSONResponse(_shape(world, pair))


def _pair(request: Request, world: World, form: dict[str, str]) -> Pair:
    server, settings = world.oauth["zoom"], world.settings.zoom
    life = Lifetimes(settings.access_seconds, settings.refresh_seconds, settings.refresh_grace)
    client, scope = _client(request, world), " ".join(settings.scopes)
    grant = form.get("grant_type")
    if grant == "authorization_code":
        code = server.redeem(
            form.get("code", ""), client, form.get("redirect_uri", ""), form.get("code_verifier")
        )
        server.kill("reauthorised", code.user, client)
        return server.issue(code.user, client, scope, life)
    if grant == "refresh_token":
        return server.refresh(form.get("refresh_token", ""), client, scope, life)
    if grant == "account_credentials":
        admin = next((u for u in USERS.values() if u.admin and u.zoom_account == form.get("account_id")), None)
        if admin is None:
            raise OAuthRefused("code_unknown")
        server.kill("revoked", admin.key, client)
        return server.issue(admin.key, client, scope, life, refresh=False)
    raise Refused(400, {"reason": "unsupported grant type", "error": "unsupported_grant_type"})


def _client(request: Request, world: World) -> str:
    """The application's id from the Basic header."""
    try:
        plain = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
    except (binascii.Error, ValueError):
        plain = ""
    client_id, _, secret = plain.partition(":")
    return world.oauth["zoom"].app(client_id, secret).client_id


def _shape(world: World, pair: Pair) -> dict[str, Any]:
    body = {
        "access_token": pair.access.value,
        "token_type": "bearer",
        "expires_in": max(int(pair.access.expires - world.clock.now() + 0.5), 0),
        "scope": pair.access.scope,
        "api_url": f"{world.base}/zoom",
    }
    return {**body, "refresh_token": pair.refresh.value} if pair.refresh else body


async def on_revoke(request: Request) -> Response:
    """Ends the grant that a token belongs to."""
    world = world_of(request)
    try:
        client = _client(request, world)
    except OAuthRefused:
        raise Refused(
            401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
        ) from None
    token = world.oauth["zoom"].tokens.get(str((await request.form()).get("token", "")))
    if token is None or token.client_id != client:
        raise Refused(400, {"reason": "Invalid Token!", "error": "invalid_request"})
    world.oauth["zoom"].kill("revoked", token.user, client)
    return JSONResponse({"status": "success"})


async def on_me(request: Request) -> Response:
    """GET /users/me and /users/{id}."""
    user, headers = caller(request, "light", "user:read:user", "user:read")
    found = named(user, request.path_params["id"])
    first, _, last = found.name.partition(" ")
    body = {
        "id": found.zoom_id, "first_name": first, "last_name": last, "display_name": found.name,
        "email": found.email, "created_at": iso(STARTED - timedelta(days=400)), "type": 2,
        "role_name": "Owner" if found.admin else "Member",
        "account_id": found.zoom_account, "timezone": "Europe/Lisbon", "status": "active",
    }  # fmt: skip
    return JSONResponse(body, headers=headers)


def named(caller_: User, wanted: str) -> User:
    """`me`, an id or an e-mail of the caller's account; only an admin may name others."""
    found = next((u for u in USERS.values() if wanted in (u.zoom_id, u.email)), None)
    if wanted == "me":
        return caller_
    if found is None or found.zoom_account != caller_.zoom_account:
        raise refused(404, 1001, f"User does not exist: {wanted}.")
    if found.key != caller_.key and not caller_.admin:
        raise refused(400, 1010, "User does not belong to this account.")
    return found
