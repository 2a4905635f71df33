"""Admin calls about the world itself: settings, rules, clock, tokens, applications, limits, playlists."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.admin.commands import Nothing, command
from sandbox.faults import Rule, Strict
from sandbox.oauth import App, Lifetimes
from sandbox.world import World


class Loose(BaseModel):
    """A body that is checked by somebody else."""

    model_config = ConfigDict(extra="allow")


@command("settings", Loose)
async def settings(world: World, change: Loose) -> Any:
    """Set some behaviours; the others stay."""
    world.settings = world.settings.changed(change.model_extra or {})
    return world.settings.model_dump(mode="json")


class Rules(Strict):
    """One or more rules."""

    rules: list[Rule]


@command("faults", Rules)
async def add_faults(world: World, wanted: Rules) -> Any:
    """From now on."""
    world.faults.rules += wanted.rules
    return {"faults": [rule.report() for rule in wanted.rules]}


class WhichRule(Strict):
    """None: all of them."""

    id: str | None = None


@command("faults/delete", WhichRule)
async def remove_faults(world: World, wanted: WhichRule) -> Any:
    """Everything works again."""
    return {"removed": world.faults.remove(wanted.id)}


class Advance(Strict):
    """Seconds to go forward; `reset` goes back to the machine's time."""

    advance: float = 0
    reset: bool = False


@command("clock", Advance)
async def clock(world: World, wanted: Advance) -> Any:
    """Tokens, page tokens, links and rate windows grow older."""
    world.clock.ahead = 0 if wanted.reset else world.clock.ahead + wanted.advance
    return {"now": world.clock.now(), "ahead": world.clock.ahead}


class Tokens(Strict):
    """Whose tokens; no user: everybody's."""

    provider: Literal["fathom", "zoom"]
    user: str | None = None
    kind: Literal["access", "refresh", "both"] = "access"


@command("tokens/expire", Tokens)
async def expire(world: World, wanted: Tokens) -> Any:
    """They run out now."""
    return {"expired": world.oauth[wanted.provider].expire(wanted.user, wanted.kind)}


@command("tokens/revoke", Tokens)
async def revoke(world: World, wanted: Tokens) -> Any:
    """The grant ends; access and refresh tokens die together."""
    return {"revoked": world.oauth[wanted.provider].kill("revoked", wanted.user)}


class Issue(Strict):
    """A short cut past the consent page."""

    provider: Literal["fathom", "zoom"]
    user: str = "maya"
    client_id: str = "sandbox-client"


@command("tokens/issue", Issue)
async def issue(world: World, wanted: Issue) -> Any:
    """A pair of tokens as the token endpoint gives it."""
    chosen = world.settings.zoom if wanted.provider == "zoom" else world.settings.fathom
    life = Lifetimes(chosen.access_seconds, chosen.refresh_seconds, chosen.refresh_grace)
    scope = " ".join(world.settings.zoom.scopes) if wanted.provider == "zoom" else "public_api"
    pair = world.oauth[wanted.provider].issue(wanted.user, wanted.client_id, scope, life)
    assert pair.refresh
    return {"access_token": pair.access.value, "refresh_token": pair.refresh.value, "expires_in": life.access}


class NewApp(Strict):
    """An OAuth application; no redirect URIs: any is taken."""

    provider: Literal["fathom", "zoom"]
    client_id: str
    client_secret: str
    redirect_uris: list[str] = Field(default_factory=list)


@command("apps", NewApp)
async def add_app(world: World, wanted: NewApp) -> Any:
    """Register an application, or change one."""
    app = App(wanted.client_id, wanted.client_secret, wanted.redirect_uris)
    world.oauth[wanted.provider].apps[app.client_id] = app
    return {"client_id": app.client_id}


class Used(Strict):
    """Calls that somebody else made in the window `key`, e.g. `zoom/zaLARKFIELD___________/medium/day`."""

    key: str
    calls: int


@command("limits", Used)
async def use_limits(world: World, wanted: Used) -> Any:
    """Another application eats from the same limit."""
    world.limits.fill(wanted.key, wanted.calls, world.clock.now())
    return {"key": wanted.key}


@command("limits/clear", Nothing)
async def clear_limits(world: World, _: Nothing) -> Any:
    """All windows begin anew."""
    world.limits.clear()
    return {}


class Playlist(Strict):
    """Video ids in order."""

    id: str
    videos: list[str]


@command("youtube/playlist", Playlist)
async def set_playlist(world: World, wanted: Playlist) -> Any:
    """Make a playlist, or change one."""
    world.youtube.playlists[wanted.id] = wanted.videos
    return wanted.model_dump()
