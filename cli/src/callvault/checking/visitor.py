"""A user of a check: comes in by the front door, has an account at the stand-in, and looks at what arrives."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from callvault.checking.accounts import Account
from callvault.checking.signing import Flaw, Signer
from callvault.checking.stand_in import StandIn
from callvault.clients import http_client
from pipeline_contracts import ConnectorManifest

T = TypeVar("T")
PATIENCE = 45.0
_LOOK_SECONDS = 0.4


class Unmet(Exception):
    """A case is not passed; the text says what was seen."""


async def until(probe: Callable[[], Awaitable[T | None]], what: str, *, within: float = PATIENCE) -> T:
    """The first answer that is neither None nor False. Raises Unmet: `what` did not come."""
    deadline = time.monotonic() + within
    while (answer := await probe()) is None or answer is False:
        if time.monotonic() > deadline:
            raise Unmet(f"{what} within {within:.0f} seconds")
        await asyncio.sleep(_LOOK_SECONDS)
    return answer


@dataclass
class Visitor:
    """Signed up, with an account at the provider that may be connected."""

    manifest: ConnectorManifest
    http: httpx.AsyncClient
    account: Account
    stand_in: StandIn
    shared_secret: str = field(repr=False)
    card: str = ""

    @property
    def source(self) -> str:
        """The source's slug."""
        return self.manifest.source

    async def sign_up(self) -> None:
        """Become a user."""
        body = {"email": self.account.owner.email, "password": secrets.token_urlsafe(16)}
        (await self.http.post("/api/users", json=body)).raise_for_status()

    async def connect(self, *, key: str | None = None, method: str | None = None) -> dict[str, Any]:
        """Connect by the manifest's first way, or by a key; the card of the account."""
        method = "api_key" if key else method or self.manifest.connect[0]
        wish = {"method": method} | ({"api_key": key or self.account.api_key} if method == "api_key" else {})
        answer = await self.http.post(f"/api/sources/{self.source}/connect", json=wish)
        if answer.status_code != 202:
            raise Unmet(f"the gateway refused the connection: {answer.text[:200]}")
        if address := answer.json()["authorize_url"]:
            await self.http.get(self.stand_in.oauth.consent(self.account, address))
        card: dict[str, Any] = await until(self._connected, "the account was not connected")
        self.card = card["id"]
        return card

    async def _connected(self) -> dict[str, Any] | None:
        card = (await self.http.get(f"/api/sources/{self.source}")).json()
        if card["attempt"] and card["attempt"]["status"] in ("failed", "expired"):
            raise Unmet(f"connecting failed: {card['attempt']['message'] or card['attempt']['reason']}")
        return dict(card["accounts"][0]) if card["accounts"] else None

    async def first_sync(self) -> dict[str, Any]:
        """The job that the connection began, once it has ended."""
        return await self.ended(await self._first_job())

    async def _first_job(self) -> str:
        async def begun() -> str | None:
            jobs = [job for job in await self.jobs() if job["trigger"] == "connect"]
            return str(jobs[0]["id"]) if jobs else None

        return await until(begun, "no first sync began")

    async def begin_sync(self) -> str:
        """Sync Now; the job."""
        answer = await self.http.post(f"/api/accounts/{self.card}/sync")
        if answer.status_code != 202:
            raise Unmet(f"the gateway refused the sync: {answer.text[:200]}")
        return str(answer.json()["job"]["id"])

    async def sync(self, *, within: float = PATIENCE) -> dict[str, Any]:
        """Sync Now, and the job with its items once it has ended."""
        return await self.ended(await self.begin_sync(), within=within)

    async def ended(self, job: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The job with its items, once it has ended."""

        async def probe() -> dict[str, Any] | None:
            found: dict[str, Any] = (await self.http.get(f"/api/jobs/{job}")).json()
            return found if found["ended_at"] else None

        return await until(probe, "the sync did not end", within=within)

    async def jobs(self, trigger: str | None = None) -> list[dict[str, Any]]:
        """The user's jobs, newest first."""
        found = (await self.http.get("/api/jobs")).json()["jobs"]
        return [job for job in found if trigger in (None, job["trigger"])]

    async def status(self) -> dict[str, Any]:
        """The account's card."""
        return dict((await self.http.get(f"/api/accounts/{self.card}")).json())

    async def library(self) -> list[dict[str, Any]]:
        """All calls of the user, without their words."""
        found = (await self.http.get("/api/recordings", params={"limit": 100})).json()
        rows, before = found["recordings"], found["next_before"]
        while before:
            found = (await self.http.get("/api/recordings", params={"limit": 100, "before": before})).json()
            rows, before = rows + found["recordings"], found["next_before"]
        return list(rows)

    async def recording(self, recording: str) -> dict[str, Any]:
        """A call with its words."""
        return dict((await self.http.get(f"/api/recordings/{recording}")).json())

    async def pushed_to(self) -> None:
        """Return when webhooks are set up for the account."""

        async def probe() -> bool:
            return bool((await self.status())["webhook"]["state"] == "pushed")

        await until(probe, "no webhook was registered")

    async def deliver(self, body: Any, flaw: Flaw = "none") -> httpx.Response:
        """A webhook, signed well or badly; the gateway's answer."""
        raw = json.dumps(body).encode()
        return await self.post(raw, self._signer().headers(raw, flaw))

    def signed(self, body: Any) -> tuple[bytes, dict[str, str]]:
        """A delivery that may be made several times."""
        raw = json.dumps(body).encode()
        return raw, self._signer().headers(raw)

    async def post(self, raw: bytes, headers: dict[str, str]) -> httpx.Response:
        """Deliver, as the provider does: without cookies of ours."""
        scheme = self.manifest.webhook
        assert scheme is not None
        path = f"/webhooks/{self.source}" + (f"/{self.card}" if scheme.per_account else "")
        async with http_client(str(self.http.base_url), timeout=30) as http:
            return await http.post(path, content=raw, headers=headers | {"Content-Type": "application/json"})

    def _signer(self) -> Signer:
        scheme = self.manifest.webhook
        assert scheme is not None
        return Signer(scheme, self.account.owner.webhook_secret if scheme.per_account else self.shared_secret)
