"""What the demo asks of the sandbox: to play its part, to say yes as a user would, to let a call happen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from callvault.clients import http_client
from callvault.errors import CallvaultError

USER = "maya"
SCENARIO = "demo"
_LINES = [
    ("Maya Okafor", "Thanks for making the time. Did legal have a look at the contract?"),
    ("Elena Petrova", "They did. Two small changes, and then we can sign on Thursday."),
    ("Maya Okafor", "Good. Send me the two changes and I will put them in today."),
    ("Samir Haddad", "I will book the kick-off for the week after, then."),
    ("Elena Petrova", "Perfect. Tuesday morning suits all of us."),
]
NEW_CALL = "Bright Harbor: the contract"


class SandboxAdmin:
    """The admin calls of the sandbox at an address. Raises `sandbox_failed`."""

    def __init__(self, address: str, client: httpx.AsyncClient) -> None:
        self.address = address
        self._client = client

    async def begin(self, webhooks: str) -> None:
        """Play the demo's scenario; Zoom's events go to this address, where its answer is right."""
        await self._post("faults/delete", {})
        await self._post("scenario", {"name": SCENARIO})
        told = await self._ask("GET", "/admin/environment")
        endpoint = {"url": webhooks, "secret_token": told["ZOOM_WEBHOOK_SECRET"]}
        if not (answer := await self._post("zoom/webhook", endpoint))["valid"]:
            why = answer.get("error") or answer.get("status")
            raise CallvaultError("sandbox_failed", f"Zoom's challenge of {webhooks} was not answered: {why}.")

    async def end(self) -> None:
        """No more faults, and whoever opens a consent page finds its buttons."""
        await self._post("faults/delete", {})
        await self._post("settings", {name: {"consent": {"answer": "ask"}} for name in ("fathom", "zoom")})

    async def email(self) -> str:
        """By which the user who says yes is known."""
        return str((await self._ask("GET", "/admin/state"))["users"][USER]["email"])

    async def consent(self, url: str) -> str:
        """Open a consent page as a browser would; answers the address that it leads back to."""
        answer = await self._send("GET", url)
        if not answer.has_redirect_location:
            raise CallvaultError("sandbox_failed", f"The consent page answered {answer.status_code}.")
        return answer.headers["location"]

    async def hold_call(self) -> list[dict[str, Any]]:
        """A call at Zoom that has just ended; answers the messages that Zoom has sent about it."""
        call = {
            "source": "zoom", "host": USER, "title": NEW_CALL, "lines": _LINES, "ended_minutes_ago": 1,
            "webhooks": True,
        }  # fmt: skip
        return list((await self._post("meetings", call))["webhooks"])

    async def is_left(self) -> bool:
        """Whether no webhook and no consent that can be taken back is in force any more."""
        state = await self._ask("GET", "/admin/state")
        return not state["fathom_webhooks"] and not any(state["tokens"]["zoom"].values())

    async def last_call(self) -> int:
        """The number of the last request that came in."""
        return int((await self._ask("GET", "/admin/state"))["last_call"])

    async def answers(self, *, after: int = 0) -> dict[str, int]:
        """How many requests came in since then, by endpoint and status: `zoom.meeting 503`."""
        return dict((await self._ask("GET", f"/admin/calls?after={after}"))["statuses"])

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"/admin/{path}", json=body)

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = await self._send(method, self.address + path, **options)
        if answer.is_error:
            raise CallvaultError("sandbox_failed", f"The sandbox answered {answer.status_code} to {path}.")
        return answer.json()

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return await self._client.request(method, url, **options)
        except httpx.TransportError as error:
            message = f"The sandbox at {self.address} does not answer."
            raise CallvaultError("sandbox_failed", message, "See `callvault status`.") from error


@asynccontextmanager
async def open_sandbox(address: str) -> AsyncIterator[SandboxAdmin]:
    """A client that is closed at the end."""
    async with http_client(address, timeout=30) as client:
        yield SandboxAdmin(address, client)
