"""POST and DELETE /webhooks, and the messages that go to them."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused
from sandbox.clock import iso
from sandbox.fathom import shapes
from sandbox.fathom.auth import caller
from sandbox.fathom.state import Subscription
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.people import USERS
from sandbox.routes import world_of
from sandbox.webhooks.courier import Message
from sandbox.webhooks.signatures import Signature, new_secret, standard
from sandbox.world import World

SCHEDULE = [0.0, 5, 300, 1800, 7200, 18000, 36000, 36000]
DEADLINE = 15
Trigger = Literal[
    "my_recordings", "shared_external_recordings", "my_shared_with_team_recordings", "shared_team_recordings"
]


class Wanted(BaseModel):
    """The body of a new webhook. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
    destination_url: str
    triggered_for: list[Trigger] = Field(min_length=1)
    include_transcript: bool = False
    include_summary: bool = False
    include_action_items: bool = False
    include_crm_matches: bool = False

    def includes(self) -> dict[str, bool]:
        """The four switches by name."""
        return {name: getattr(self, name) for name in shapes.INCLUDES}


async def on_create(request: Request) -> Response:
    """201 with the secret, which is shown this once."""
    who, world = caller(request), world_of(request)
    try:
        wanted = Wanted.model_validate_json(await request.body())
    except ValidationError as error:
        raise Refused(400, {"error": error.errors()[0]["msg"]}) from None
    if not any(wanted.includes().values()):
        raise Refused(400, {"error": "at least one include_* must be true"})
    if urlsplit(wanted.destination_url).scheme not in ("http", "https"):
        raise Refused(400, {"error": "destination_url is not a URL"})
    made = Subscription(
        id=secrets.token_urlsafe(9),
        user=who.user.key,
        url=wanted.destination_url,
        secret=new_secret(),
        created=iso(datetime.now(UTC)),
        triggered_for=list(wanted.triggered_for),
        include=wanted.includes(),
    )
    world.fathom.subscriptions[made.id] = made
    return JSONResponse(made.shape(), 201)


async def on_delete(request: Request) -> Response:
    """204 once, 404 from then on."""
    who, world = caller(request), world_of(request)
    made = world.fathom.subscriptions.get(request.path_params["id"])
    if made is None or made.user != who.user.key:
        raise Refused(404, "Not Found")
    del world.fathom.subscriptions[made.id]
    return Response(status_code=204)


def wants(subscription: Subscription, meeting: Meeting) -> bool:
    """Whether a new recording is one of those that the webhook was made for."""
    user, host = USERS[subscription.user], USERS[meeting.host]
    if user.team != host.team:
        return False
    shared = meeting.shared != "no_teams"
    kinds = {"my_recordings", *(["my_shared_with_team_recordings"] if shared else [])}
    if user.key != host.key:
        kinds = {"shared_team_recordings"} if shared else set()
    return bool(kinds & set(subscription.triggered_for))


def message(
    world: World, to: Subscription, meeting: Meeting, *, message_id: str | None = None,
    signature: Signature = "good", body: dict[str, Any] | None = None,
) -> Message:  # fmt: skip
    """A message about a meeting. The same id again is a redelivery."""
    include = {name for name, wanted in to.include.items() if wanted}
    message_id = message_id or f"msg_{secrets.token_urlsafe(16)}"
    if signature == "good" and world.settings.fathom.two_signatures:
        signature = "two"
    raw = json.dumps(body or shapes.shape(world, meeting, include), ensure_ascii=False).encode()
    sign = standard(to.secret, message_id, signature)
    return Message(message_id, "fathom", "new_meeting_content", to.url, raw, sign, SCHEDULE, DEADLINE)
