"""A world: one complete state of all providers. Tests take one each, by the first part of the path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.requests import Request

from sandbox.calls import CallLog
from sandbox.clock import Clock
from sandbox.fathom.state import FathomState
from sandbox.faults import Action, FaultBook
from sandbox.limits import Windows
from sandbox.meetings.catalogue import Meeting, Source, meetings
from sandbox.meetings.people import USERS
from sandbox.oauth import AuthorizationServer
from sandbox.settings import Settings
from sandbox.webhooks.courier import Courier
from sandbox.youtube.state import YouTubeState
from sandbox.zoom.state import ZoomState

KEYS = {user.api_key: key for key, user in USERS.items() if "fathom" in user.providers}


class World:
    """All that one test sees."""

    def __init__(self, name: str, hosts: Hosts, http: httpx.AsyncClient, seed: int, act: Act) -> None:
        prefix = "" if name == "default" else f"/w/{name}"
        self.name, self.seed = name, seed
        self.base, self.storage_base = hosts.main + prefix, hosts.storage + prefix
        self.clock = Clock()
        self.settings = Settings()
        self.calls = CallLog()
        self.faults = FaultBook()
        self.limits = Windows()
        self.meetings: list[Meeting] = meetings(seed)
        self.courier = Courier(http)
        self.oauth: dict[str, AuthorizationServer] = {
            "fathom": AuthorizationServer(self.clock, "fa_"),
            "zoom": AuthorizationServer(self.clock, "zm_"),
        }
        self.fathom, self.zoom, self.youtube = FathomState(), ZoomState(), YouTubeState()
        self._act = act

    async def act(self, action: Action) -> Any:
        """An admin call made by a rule."""
        return await self._act(self, action)

    def user_of(self, request: Request) -> str | None:
        """Whom a token or key belongs to, dead or alive; for the log and for rules."""
        if key := request.headers.get("x-api-key"):
            return KEYS.get(key)
        value = request.headers.get("authorization", "").removeprefix("Bearer ")
        found = (server.find(value) for server in self.oauth.values())
        return next((token.user for token in found if token), None) or self.zoom.owner_of(value)

    def of(self, source: Source) -> list[Meeting]:
        """The meetings of a provider that are not deleted, newest first."""
        return sorted(
            (m for m in self.meetings if m.source == source and not m.deleted),
            key=lambda meeting: meeting.appeared,
            reverse=True,
        )

    def meeting(self, wanted: str | int) -> Meeting:
        """By id, UUID or video id; the newest of a series. KeyError where there is none."""
        found = [m for m in self.meetings if wanted in (m.uuid, m.video) or str(m.id) == str(wanted)]
        if not found:
            raise KeyError(wanted)
        return max(found, key=lambda meeting: meeting.started)

    def transcript_state(self, meeting: Meeting, *, asked: bool = False) -> str:
        """ready, pending or never; `asked` counts a request for it."""
        if meeting.transcript == "pending":
            if asked and meeting.transcript_calls is not None:
                meeting.transcript_calls -= 1
            due = meeting.transcript_at is not None and meeting.transcript_at <= self.clock.now()
            if due or (meeting.transcript_calls is not None and meeting.transcript_calls < 0):
                meeting.transcript = "ready"
        return meeting.transcript


class Hosts:
    """The two addresses of the process, without a slash at the end."""

    def __init__(self, main: str, storage: str) -> None:
        self.main, self.storage = main, storage


Act = Callable[[World, Action], Awaitable[Any]]


class Worlds:
    """All worlds, made when they are first named."""

    def __init__(self, hosts: Hosts, http: httpx.AsyncClient, seed: int, act: Act) -> None:
        self.hosts, self.http, self.seed, self._act = hosts, http, seed, act
        self._worlds: dict[str, World] = {}

    def get(self, name: str) -> World:
        """The world of that name."""
        if name not in self._worlds:
            self._worlds[name] = World(name, self.hosts, self.http, self.seed, self._act)
        return self._worlds[name]

    def reset(self, name: str, seed: int | None = None) -> World:
        """Begin anew under the same name."""
        self.drop(name)
        self._worlds[name] = World(name, self.hosts, self.http, self.seed if seed is None else seed, self._act)
        return self._worlds[name]

    def drop(self, name: str) -> None:
        """Forget a world and what it still wanted to send."""
        if world := self._worlds.pop(name, None):
            world.courier.stop()

    def names(self) -> list[str]:
        """The worlds there are."""
        return sorted(self._worlds)

    def stop(self) -> None:
        """Forget all of them."""
        for name in self.names():
            self.drop(name)
