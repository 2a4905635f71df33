"""Who is let through: YouTube refuses addresses that it takes for machines."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.routes import world_of
from sandbox.settings import Place

BOT = {"playabilityStatus": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}}
RECAPTCHA = '<html><body><form><div class="g-recaptcha" data-sitekey="sandbox"></div></form></body></html>'


def blocked(request: Request, place: Place) -> Response | None:
    """The refusal, or nothing. Counts refusals, so that a block can lift after some."""
    world = world_of(request)
    settings, state = world.settings.youtube, world.youtube
    address = request.headers.get("x-forwarded-for", "")
    if settings.blocked == "no" or place not in settings.blocked_at or address in settings.open_ips:
        return None
    if settings.blocked_tries is not None and state.refused >= settings.blocked_tries:
        return None
    state.refused += 1
    if settings.blocked == "bot" and place == "player":
        return JSONResponse(BOT)
    if settings.blocked == "recaptcha":
        return HTMLResponse(RECAPTCHA)
    return HTMLResponse("<html><body>Our systems have detected unusual traffic.</body></html>", 429)
