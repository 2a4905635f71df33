"""The loops beside the workers: saying that we run, and seeing to rows that no task stands for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import structlog

from pipeline_contracts import SOURCE_TOPICS, TOPICS
from pipeline_runtime.connectors import closing, connecting, inbox, stopping, webhooks
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.resuming import Resumption
from pipeline_runtime.topics import make_topics

HEARTBEAT_SECONDS = 30.0
_TOPICS_EVERY = 5.0
_AT_ONCE = 4
_RESUMED_EVERY = 6
"""Polls: it reads all failed items."""

log = structlog.get_logger()
Step = Callable[[Kit], Awaitable[object]]


class Chores:
    """One process's. `ring` wakes what waits for a user: connecting, disconnecting."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be something to connect or to disconnect."""
        self._rung.set()

    async def make_topics(self) -> None:
        """The source's own two, with their dead letters, and where it is missing all else."""
        own = [topic.of_source(self._kit.name) for topic in SOURCE_TOPICS]
        await make_topics(self._kit.settings, [*TOPICS, *own])

    async def keep_said(self) -> None:
        """Say every 30 seconds what we are, and make topics again that are gone."""
        due = 0.0
        while True:
            try:
                await self.make_topics()
                if due <= 0:
                    await self._say()
                    due = HEARTBEAT_SECONDS
            except Exception as error:
                log.warning("heartbeat.missed", error=type(error).__name__)
            await asyncio.sleep(_TOPICS_EVERY)
            due -= _TOPICS_EVERY

    async def keep_connecting(self) -> None:
        """Attempts, disconnections and webhooks to register, some at a time; woken by messages."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._keep_doing())

    async def keep_tidy(self) -> None:
        """What messages should have told, and did not; what is left to fetch of accounts that are back."""
        resumption = Resumption()
        for number in itertools.count():
            if number % _RESUMED_EVERY == 0:
                await self._guarded(resumption.round)
            await self._guarded(inbox.resolve_forgotten)
            await self._guarded(stopping.stop_forgotten)
            await asyncio.sleep(self._kit.times.poll)

    async def _keep_doing(self) -> None:
        while True:
            did = [
                await self._guarded(step)
                for step in (connecting.connect_next, webhooks.register_next, closing.close_next)
            ]
            if not any(did):
                await self._wait()

    async def _wait(self) -> None:
        self._rung.clear()
        try:
            async with asyncio.timeout(self._kit.times.poll):
                await self._rung.wait()
        except TimeoutError:
            return

    async def _guarded(self, step: Step) -> object:
        try:
            return await step(self._kit)
        except Exception:
            log.exception("chore.failed", chore=getattr(step, "__name__", ""))
            await asyncio.sleep(1)
            return None

    async def _say(self) -> None:
        kit = self._kit
        await kit.publisher.send(kit.messages.manifest(kit.connector.manifest, kit.source, kit.keys.public_key))
