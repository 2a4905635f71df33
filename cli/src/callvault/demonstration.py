"""What the demo shows once the stack runs: an import, its row, its event, and the same import again."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from sqlalchemy import text

from callvault.access import find_access
from callvault.commands.imports import run_import
from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home
from callvault.importing import Outcome
from callvault.narrator import Narrator
from callvault.topic_reader import Received, kafka_settings, read_topic
from pipeline_contracts import RECORDING_CREATED

_SELECT = """SELECT id, title, source_app, external_id, recording_start_time, duration, full_transcript
FROM recordings WHERE id = :id"""
_FRESH_EVENT_SECONDS = 60.0
_OLD_EVENT_SECONDS = 10.0


class Demonstration:
    """The story, told on one home's running stack with one recording."""

    def __init__(self, home: Home, recording: Path, narrator: Narrator) -> None:
        self._home = home
        self._file = recording
        self._narrator = narrator

    async def tell(self) -> None:
        """All of it. Raises `demo_failed` where something did not come out as it should."""
        self._narrator.heading(f"Importing a recording: {self._file}")
        first = await self._import()
        if first.result == "duplicate":
            self._narrator.say(
                "An earlier run has imported this recording into this home already, so this is a duplicate.\n"
                "For the whole story give the demo an empty one: CALLVAULT_HOME=$(mktemp -d) make demo"
            )
        await self._show_row(str(first.recording_id))
        await self._show_event(str(first.recording_id), fresh=first.result == "imported")
        await self._show_duplicate(str(first.recording_id))
        await self._show_address()

    async def _import(self) -> Outcome:
        outcome = (await run_import(self._home, [self._file], wait=True))[0]
        if outcome.error:
            raise CallvaultError("demo_failed", f"The import failed: {outcome.error['message']}")
        return outcome

    async def _show_row(self, recording_id: str) -> None:
        self._narrator.heading("The row in PostgreSQL")
        self._narrator.say(_SELECT.replace(":id", f"'{recording_id}';\n"))
        async with transaction(self._home, "RECORDER_DATABASE_URL") as connection:
            row = (await connection.execute(text(_SELECT), {"id": recording_id})).mappings().one_or_none()
        if row is None:
            raise CallvaultError("demo_failed", f"There is no row with the id {recording_id}.")
        for name, value in row.items():
            if name != "full_transcript":
                self._narrator.say(f"  {name:21} {value}")
        self._narrator.say(f"\n{row['full_transcript']}")

    async def _show_event(self, recording_id: str, *, fresh: bool) -> None:
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

    async def _show_duplicate(self, recording_id: str) -> None:
        self._narrator.heading("The same file again")
        again = await self._import()
        if again.result != "duplicate" or again.recording_id != recording_id:
            raise CallvaultError("demo_failed", f"The second import was no duplicate: {again.sentence()}.")
        self._narrator.say(
            "duplicate: known by its SHA-256 before anything was transcribed, and not stored again."
        )

    async def _show_address(self) -> None:
        access = await find_access(self._home)
        self._narrator.heading("The app is running")
        rows = {
            "Address": access.url,
            "API": f"{access.url}/docs",
            "Your token": f"{self._home.path / 'credentials.json'} (the command uses it by itself)",
            "Sign in": "callvault user add you@example.com --plan unlimited, then POST /api/session",
        }
        self._narrator.say("\n".join(f"  {name:11} {value}" for name, value in rows.items()))


def _describe(event: Received) -> str:
    place: dict[str, Any] = {"partition": event.partition, "offset": event.offset, "key": event.key}
    lines = [f"  {name:16} {value}" for name, value in (place | event.headers).items()]
    return "\n".join([*lines, json.dumps(event.payload, indent=2, ensure_ascii=False)])
