"""What routes work with: made once by the app, handed to each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.attempts import Attempts
from ingest_gateway.callers import COOKIE, Caller, Callers
from ingest_gateway.hub import Hub
from ingest_gateway.manifests import Manifests
from ingest_gateway.pages import Page
from ingest_gateway.passwords import Passwords
from ingest_gateway.schedule import Schedule
from ingest_gateway.settings import GatewaySettings
from ingest_gateway.webhook_keys import WebhookKeys
from pipeline_runtime.outbox import Relay
from pipeline_runtime.storage import Storage

_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="What signing in sets.")
_BEARER = HTTPBearer(
    auto_error=False, description="A personal API token (`cv_…`), or a JWT of the configured identity provider."
)


@dataclass(frozen=True)
class Deps:
    """`web` sees the rows of the user that a transaction speaks for; `intake` serves before one is known."""

    settings: GatewaySettings
    web: AsyncEngine
    intake: AsyncEngine
    relay: Relay
    storage: Storage
    callers: Callers
    passwords: Passwords
    attempts: Attempts
    hub: Hub
    manifests: Manifests
    schedule: Schedule
    webhook_keys: WebhookKeys
    page: Page


def get_deps(request: Request) -> Deps:
    """Those of the app."""
    return cast(Deps, request.app.state.deps)


DepsParam = Annotated[Deps, Depends(get_deps)]


async def get_caller(
    request: Request,
    deps: DepsParam,
    _cookie: Annotated[object, Depends(_COOKIE)],  # both only say in OpenAPI what is taken
    _bearer: Annotated[object, Depends(_BEARER)],
) -> Caller:
    """The user who asks. Raises not_signed_in and the like."""
    return await deps.callers.identify(request)


CallerParam = Annotated[Caller, Depends(get_caller)]
