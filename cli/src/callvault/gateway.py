"""The gateway's HTTP API, as far as the command uses it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import BaseModel, ConfigDict

from callvault.access import Access, not_reachable
from callvault.clients import http_client
from callvault.errors import CallvaultError
from callvault.uploading import OnSent, Sending
from pipeline_contracts import JobStatus

_SILENCE_SECONDS = 60.0
"""An event stream that says nothing for so long is taken for dead: a living one sends comments."""


class Answer(BaseModel):
    """What the gateway says; fields that this command does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Problem(Answer):
    """Why something failed: a stable code and a sentence."""

    code: str
    message: str


class Upload(Answer):
    """What became of a file at once. `recording_id` is that of a duplicate."""

    job_id: str
    status: JobStatus
    outcome: Literal["found", "joined", "duplicate", "quota_exceeded"]
    recording_id: str | None = None
    error: Problem | None = None


class Item(Answer):
    """One call of a job."""

    id: str
    title: str
    status: Literal["found", "imported", "duplicate", "failed", "skipped"]
    code: str | None = None
    message: str | None = None
    retryable: bool = False
    recording_id: str | None = None
    retry_at: datetime | None = None


class Job(Answer):
    """An import and its counters; `items` only where one job was asked for."""

    id: str
    source_app: str
    trigger: str
    title: str | None = None
    status: JobStatus
    found: int
    imported: int
    duplicates: int
    failed: int
    skipped: int
    open: int
    seen: int = 0
    account_id: str | None = None
    code: str | None = None
    message: str | None = None
    created_at: datetime
    ended_at: datetime | None = None
    items: list[Item] = []


class Webhook(Answer):
    """How an account's new calls come in."""

    state: Literal["pushed", "hourly"]


class Account(Answer):
    """A connected account. `job` is its latest sync."""

    id: str
    source_app: str
    email: str | None = None
    status: str
    message: str | None = None
    count: int = 0
    waiting: int = 0
    last_sync_at: datetime | None = None
    webhook: Webhook | None = None
    job: Job | None = None


class Attempt(Answer):
    """A try at connecting."""

    id: str
    status: Literal["started", "submitted", "done", "failed", "expired"]
    reason: str | None = None
    message: str | None = None


class Source(Answer):
    """A source and the user's accounts at it."""

    source: str
    name: str
    connect: list[str]
    is_running: bool
    count: int
    accounts: list[Account]
    attempt: Attempt | None = None


class Connecting(Answer):
    """A way to a provider, or a key that is on its way."""

    attempt_id: str
    authorize_url: str | None = None


class Gateway:
    """A client for one run of the command. Errors are CallvaultError with the gateway's own code."""

    def __init__(self, access: Access, client: httpx.AsyncClient) -> None:
        self._access = access
        self._client = client

    async def upload(self, path: Path, on_sent: OnSent) -> Upload:
        """Send a file, over broken connections. Raises OSError where it cannot be read."""
        told = await Sending(self._client, path, on_sent, self._make_error).send()
        if told["state"] == "refused":
            raise CallvaultError(told["error"]["code"], told["error"]["message"])
        return Upload.model_validate(told)

    async def job(self, job_id: str) -> Job:
        """One job with its items."""
        return Job.model_validate_json(await self._request("GET", f"/api/jobs/{job_id}"))

    async def jobs(self, limit: int) -> list[Job]:
        """The latest jobs, newest first."""
        return [Job.model_validate(each) for each in await self._latest("jobs", limit)]

    async def recording(self, recording_id: str) -> dict[str, Any]:
        """One recording with its transcript, as the gateway tells it."""
        return dict(await self._json(f"/api/recordings/{recording_id}"))

    async def recordings(self, limit: int) -> list[dict[str, Any]]:
        """The latest recordings without their transcripts, newest first."""
        return await self._latest("recordings", limit)

    async def retry_gaps(self, recording_id: str) -> dict[str, Any]:
        """Ask for what is missing in a recording again: how many gaps, and the version that will answer."""
        answer = await self._request("POST", f"/api/recordings/{recording_id}/gaps/retry")
        return dict(httpx.Response(200, content=answer).json())

    async def sources(self) -> list[Source]:
        """All sources."""
        return [Source.model_validate(each) for each in (await self._json("/api/sources"))["sources"]]

    async def source(self, name: str) -> Source:
        """One source."""
        return Source.model_validate(await self._json(f"/api/sources/{name}"))

    async def connect(self, source: str, wish: dict[str, Any]) -> Connecting:
        """Begin to connect an account."""
        return Connecting.model_validate_json(
            await self._request("POST", f"/api/sources/{source}/connect", json=wish)
        )

    async def come_back(self, source: str, query: bytes) -> str:
        """Bring the address's query back from a provider; answers where the page would go on."""
        answer = await self._send("GET", f"/oauth/{source}/callback", params=httpx.QueryParams(query.decode()))
        return str(answer.headers.get("location", ""))

    async def disconnect(self, account: str) -> None:
        """Take a source's consent back. All that came from it stays."""
        await self._request("DELETE", f"/api/accounts/{account}")

    async def sync(self, account: str, window: dict[str, str]) -> tuple[Job, bool]:
        """The sync, and whether it was running."""
        answer = await self._request("POST", f"/api/accounts/{account}/sync", json=window)
        told = httpx.Response(200, content=answer).json()
        return Job.model_validate(told["job"]), bool(told["was_running"])

    async def import_links(self, links: list[str], options: dict[str, bool]) -> dict[str, Any]:
        """The jobs, and the links that were refused."""
        wish = {"links": links, "options": options}
        answer = await self._request("POST", "/api/imports/url", json=wish)
        return dict(httpx.Response(200, content=answer).json())

    async def failures(self) -> list[dict[str, Any]]:
        """Failures by cause."""
        return list((await self._json("/api/failures"))["groups"])

    async def failed_items(self, cause: dict[str, str], limit: int) -> list[dict[str, Any]]:
        """Failed calls one by one, the latest first."""
        return await self._latest("failures/items", limit, cause)

    async def retry(self, item: str) -> dict[str, Any]:
        """Open a failed call again."""
        answer = await self._request("POST", f"/api/failures/{item}/retry")
        return dict(httpx.Response(200, content=answer).json())

    async def retry_all(self, cause: dict[str, str]) -> dict[str, Any]:
        """Open all of a cause again."""
        answer = await self._request("POST", "/api/failures/retry", json=cause)
        return dict(httpx.Response(200, content=answer).json())

    async def cancel(self, job: str) -> Job:
        """Ask for a job's end."""
        return Job.model_validate_json(await self._request("POST", f"/api/jobs/{job}/cancel"))

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The event stream until it breaks. Raises `not_reachable` when it does."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        timeout = httpx.Timeout(10, read=_SILENCE_SECONDS)
        try:
            async with self._client.stream("GET", "/api/events", headers=headers, timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _refusal(answer)
                async for event in EventSource(answer).aiter_sse():
                    yield event
        except (httpx.TransportError, SSEError) as error:
            raise not_reachable(self._access.url) from error

    async def _latest(self, what: str, limit: int, more: dict[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = None
        while len(found) < limit:
            query = (
                (more or {})
                | {"limit": str(min(100, limit - len(found)))}
                | ({"before": before} if before else {})
            )
            page = await self._json(f"/api/{what}", query)
            found += page[what.rpartition("/")[2]]
            before = page.get("next_before")
            if not before:
                break
        return found

    async def _json(self, path: str, query: dict[str, str] | None = None) -> Any:
        return httpx.Response(200, content=await self._request("GET", path, params=query)).json()

    def _make_error(self, answer: httpx.Response | None) -> CallvaultError:
        return not_reachable(self._access.url) if answer is None else _refusal(answer)

    async def _request(self, method: str, path: str, **options: Any) -> bytes:
        return (await self._send(method, path, **options)).content

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise not_reachable(self._access.url) from error
        if answer.is_error:
            raise _refusal(answer)
        return answer


@asynccontextmanager
async def open_gateway(access: Access) -> AsyncIterator[Gateway]:
    """A client that is closed at the end."""
    headers = {"Authorization": f"Bearer {access.token}"}
    async with http_client(access.url, headers=headers, timeout=30) as client:
        yield Gateway(access, client)


def _refusal(answer: httpx.Response) -> CallvaultError:
    """The problem document's code and sentence; something of our own where there is none."""
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return CallvaultError("gateway_failed", f"The gateway answered {answer.status_code}.")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return CallvaultError(code, detail, "Look at CALLVAULT_TOKEN.")
    return CallvaultError(code, detail)
