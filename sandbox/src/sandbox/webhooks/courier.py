"""Delivers messages until one attempt is answered well, on a schedule that can be scaled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.meetings.catalogue import Source

Sign = Callable[[bytes, float], dict[str, str]]


@dataclass
class Message:
    """One webhook message. Every attempt carries the same id and body, and is signed anew."""

    id: str
    source: Source
    event: str
    url: str
    body: bytes
    sign: Sign
    schedule: list[float]  # seconds between attempts, the first before the first one
    deadline: float
    attempts: list[dict[str, Any]] = field(default_factory=list)
    state: str = "pending"  # pending, delivered, lost

    def report(self) -> dict[str, Any]:
        """For the admin."""
        return {
            "id": self.id, "source": self.source, "event": self.event, "url": self.url,
            "state": self.state, "attempts": self.attempts,
        }  # fmt: skip


class Courier:
    """The deliveries of one world."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.messages: list[Message] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the requests, for as long as the world lives."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def send(self, message: Message, scale: float, *, retry: bool = True, wait: bool = True) -> Message:
        """Make the first attempt (now, unless `wait` is false) and leave the others to a task."""
        if message not in self.messages:
            self.messages.append(message)
        message.state = "pending"
        if wait and message.schedule[:1] == [0]:
            await self._attempt(message)
            rest = message.schedule[1:]
        else:
            rest = message.schedule
        if message.state == "pending":
            rest = rest if retry else rest[: 0 if wait else 1]
            self.start(self._go_on(message, rest, scale))
        return message

    def stop(self) -> None:
        """Drop everything that still waits."""
        for task in list(self._tasks):
            task.cancel()

    async def _go_on(self, message: Message, schedule: list[float], scale: float) -> None:
        for seconds in schedule:
            await asyncio.sleep(after := seconds * scale)
            await self._attempt(message, after)
            if message.state == "delivered":
                return
        message.state = "lost"

    async def _attempt(self, message: Message, after: float = 0) -> None:
        headers = {"content-type": "application/json", **message.sign(message.body, time.time())}
        began = time.monotonic()
        answered: dict[str, Any] = {"status": None, "error": None}
        try:
            async with asyncio.timeout(message.deadline):
                response = await self.http.post(message.url, content=message.body, headers=headers)
            answered["status"] = response.status_code
            if response.is_success:
                message.state = "delivered"
        except (TimeoutError, httpx.HTTPError) as error:
            answered["error"] = type(error).__name__
        took = round(time.monotonic() - began, 3)
        message.attempts.append({"at": time.time(), "after": after, "seconds": took, **answered})
