"""Showing that a recording is there: its row in PostgreSQL, its event on Kafka."""

import asyncio
import contextlib
import json
from typing import Any

from sqlalchemy import text

from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home
from callvault.narrator import Narrator
from callvault.topic_reader import Received, kafka_settings, read_topic
from pipeline_contracts import RECORDING_CREATED

_SELECT = """SELECT id, title, source_app, external_id, recording_start_time, duration, full_transcript
FROM recordings WHERE id = :id"""
_FRESH_EVENT_SECONDS = 60.0
_OLD_EVENT_SECONDS = 10.0


class Evidence:
    """Of one home's running stack. Raises `demo_failed` where something is missing."""

    def __init__(self, home: Home, narrator: Narrator) -> None:
        self._home = home
        self._narrator = narrator

    async def show_row(self, recording_id: str, *, lines: int | None = None) -> None:
        """The row with its transcript, or the first lines of it."""
        self._narrator.heading("The row in PostgreSQL")
        self._narrator.say(_SELECT.replace(":id", f"'{recording_id}';\n"))
        async with transaction(self._home, "RECORDER_DATABASE_URL") as connection:
            row = (await connection.execute(text(_SELECT), {"id": recording_id})).mappings().one_or_none()
        if row is None:
            raise CallvaultError("demo_failed", f"There is no row with the id {recording_id}.")
        for name, value in row.items():
            if name != "full_transcript":
                self._narrator.say(f"  {name:21} {value}")
        self._narrator.say(f"\n{_beginning(str(row['full_transcript']), lines)}")

    async def show_event(self, recording_id: str, *, fresh: bool) -> None:
        """The event as it came off the topic. One that is not fresh may be gone."""
        self._narrator.heading(f"The event on Kafka's topic {RECORDING_CREATED.name}")
        with self._narrator.step("Reading the topic from its start"):
            event = await self._find_event(recording_id, _FRESH_EVENT_SECONDS if fresh else _OLD_EVENT_SECONDS)
        if event:
            self._narrator.say(_describe(event))
        elif fresh:
            raise CallvaultError("demo_failed", f"No event came for the recording {recording_id}.")
        else:
            days = RECORDING_CREATED.keep.days
            self._narrator.say(f"It is no longer there: Kafka keeps events for {days} days.")

    async def _find_event(self, recording_id: str, within: float) -> Received | None:
        messages = read_topic(kafka_settings(self._home), RECORDING_CREATED.name, from_start=True)
        with contextlib.suppress(TimeoutError):
            async with contextlib.aclosing(messages), asyncio.timeout(within):
                async for received in messages:
                    if isinstance(received.payload, dict) and received.payload["recording_id"] == recording_id:
                        return received
        return None


def _beginning(transcript: str, lines: int | None) -> str:
    kept = transcript.splitlines()
    if lines is None or len(kept) <= lines:
        return transcript
    return "\n".join([*kept[:lines], f"... and {len(kept) - lines} more lines"])


def _describe(event: Received) -> str:
    place: dict[str, Any] = {"partition": event.partition, "offset": event.offset, "key": event.key}
    lines = [f"  {name:16} {value}" for name, value in (place | event.headers).items()]
    return "\n".join([*lines, json.dumps(event.payload, indent=2, ensure_ascii=False)])
