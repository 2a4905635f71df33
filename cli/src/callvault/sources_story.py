"""The demo's second part: accounts that are connected, and calls that come in by themselves."""

import asyncio
import time
from datetime import datetime

from callvault.connecting import bring_back, until_connected
from callvault.environment import gateway_url
from callvault.errors import CallvaultError
from callvault.evidence import Evidence
from callvault.following import follow
from callvault.gateway import Account, Gateway, Item, Job, Source
from callvault.home import Home
from callvault.job_display import make_job_display
from callvault.narrator import Narrator
from callvault.sandbox_admin import NEW_CALL, SandboxAdmin
from callvault.terminal import local_time, short_duration
from pipeline_contracts import ImportActivity, JobProgress

SOURCES = ("fathom", "zoom")
_CONNECTOR_SECONDS = 30.0
_NEW_CALL_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_SHOWN = 5
_LIBRARY = 500
_TOO_EARLY = {"no_such_source", "source_not_running"}
_FETCHES = ("fathom.transcript", "zoom.meeting", "zoom.download", "zoom.storage")


class SourcesStory:
    """Told on a running stack whose connectors ask the sandbox. Raises `demo_failed` and what failed."""

    def __init__(self, home: Home, narrator: Narrator, gateway: Gateway, sandbox: SandboxAdmin) -> None:
        self._home = home
        self._narrator = narrator
        self._gateway = gateway
        self._sandbox = sandbox
        self._accounts: dict[str, Account] = {}  # by the source's name
        self._transcribed: set[str] = set()

    async def tell(self) -> None:
        """All of it."""
        await self._sandbox.begin(f"{gateway_url(self._home)}/webhooks/zoom")
        await self._connect()
        jobs = await self._first_sync()
        await self._failure(jobs)
        await self._new_call()
        await self._nothing_new()
        await self._sandbox.end()

    async def disconnect(self) -> None:
        """Let the sources go: where the stack stops now, their stand-in forgets them anyway."""
        self._narrator.heading("Disconnecting")
        with self._narrator.step("Taking consents and webhooks back"):
            for account in self._accounts.values():
                await self._gateway.disconnect(account.id)
            deadline = time.monotonic() + _CONNECTOR_SECONDS
            while not await self._sandbox.is_left():
                if time.monotonic() > deadline:
                    raise CallvaultError("demo_failed", "The sources were not told of the disconnection.")
                await asyncio.sleep(_LOOK_SECONDS)
        kept = sum([(await self._gateway.source(name)).count for name in SOURCES])
        self._narrator.say(f"Fathom and Zoom are disconnected. Their {kept} calls stay in the library.")

    async def _connect(self) -> None:
        say = self._narrator.say
        self._narrator.heading("Connecting Fathom and Zoom")
        say(f"The sandbox at {self._sandbox.address} plays both here: its people and calls are invented.")
        say("The connectors do not know. They were given other addresses, and that is all.")
        email = await self._sandbox.email()
        for name in SOURCES:
            with self._narrator.step(f"Asking for consent at {name.capitalize()}, as a browser would"):
                card = await self._connect_one(name)
            account = next((one for one in card.accounts if one.email == email), None)
            if account is None or account.job is None:
                raise CallvaultError("demo_failed", f"{card.name} is connected, and has no account of {email}.")
            self._accounts[card.name] = account
            say(f"  {card.name}: {email} is connected.")

    async def _connect_one(self, name: str) -> Source:
        deadline = time.monotonic() + _CONNECTOR_SECONDS
        while True:
            try:
                connecting = await self._gateway.connect(name, {"method": "oauth2"})
                break
            except CallvaultError as error:  # its connector has not said yet what it is
                if error.code not in _TOO_EARLY or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)
        address = await self._sandbox.consent(connecting.authorize_url or "")
        await bring_back(self._gateway, name, address)
        card = await until_connected(self._gateway, name, connecting.attempt_id)
        if card is None:
            raise CallvaultError("demo_failed", f"{name} did not come to be connected.")
        return card

    async def _first_sync(self) -> list[Job]:
        self._narrator.heading("The first sync, which nobody had to start")
        jobs = await self._follow({name: one.job.id for name, one in self._accounts.items() if one.job})
        answers = await self._sandbox.answers()
        if answers.get("zoom.meeting 503"):
            self._narrator.say("Zoom answered 503 once. The connector waited a moment and asked again.")
        if self._transcribed:
            self._narrator.say("One call has no transcript at Zoom: its sound was transcribed here.")
        recordings = await self._gateway.recordings(_LIBRARY)
        recordings.sort(key=lambda row: str(row["recording_start_time"]), reverse=True)
        self._narrator.say(f"The library has {len(recordings)} calls now. The latest:")
        for row in recordings[:_SHOWN]:
            length = short_duration(row.get("duration")) or "-"
            began = local_time(datetime.fromisoformat(row["recording_start_time"]))
            self._narrator.say(f"  {began}  {length:>7}  {row['source_app']:11}  {row['title']}")
        return jobs

    async def _failure(self, jobs: list[Job]) -> None:
        failed = [(job, item) for job in jobs for item in job.items if item.status == "failed"]
        self._narrator.heading("A failure, and its retry")
        if not failed:
            self._narrator.say("Nothing has failed this time: all these calls were in the library before.")
            return
        job, item = failed[0]
        self._narrator.say("The sandbox held one call back, on purpose. All others came in.")
        self._narrator.say(f"  {item.title}\n  {item.message} ({item.code})")
        self._narrator.say("Now it gives the call, and the user presses Retry:")
        retried = await self._gateway.retry(item.id)
        again = (await self._follow({job.source_app.capitalize(): str(retried["job_id"])}))[0]
        self._say_retried(next(one for one in again.items if one.id == item.id))

    def _say_retried(self, item: Item) -> None:
        if item.status != "imported":
            raise CallvaultError("demo_failed", f"The retry ended as {item.status}: {item.message}")
        self._narrator.say(f"  {item.title}: imported, recording {item.recording_id}")

    async def _new_call(self) -> None:
        self._narrator.heading("A new call, by webhook")
        known = {row["id"] for row in await self._gateway.recordings(_SHOWN)}
        began = time.monotonic()
        with self._narrator.step("A call at Zoom ends, and Zoom tells us"):
            messages = await self._sandbox.hold_call()
            recording = await self._arrival(known)
        if any(message["state"] != "delivered" for message in messages):
            raise CallvaultError("demo_failed", "A webhook of Zoom was not taken.")
        events = " and ".join(str(message["event"]) for message in messages)
        self._narrator.say(
            f"  Zoom sent {events}. The signatures were right.\n"
            f"  {time.monotonic() - began:.1f} s later the library has the call, once."
        )
        evidence = Evidence(self._home, self._narrator)
        await evidence.show_row(recording)
        await evidence.show_event(recording, fresh=True)

    async def _arrival(self, known: set[str]) -> str:
        deadline = time.monotonic() + _NEW_CALL_SECONDS
        while time.monotonic() < deadline:
            for row in await self._gateway.recordings(_SHOWN):
                if row["title"] == NEW_CALL and row["id"] not in known:
                    return str(row["id"])
            await asyncio.sleep(_LOOK_SECONDS)
        raise CallvaultError("demo_failed", f"The new call did not come within {_NEW_CALL_SECONDS:.0f} s.")

    async def _nothing_new(self) -> None:
        self._narrator.heading("Syncing both again")
        last = await self._sandbox.last_call()
        started = [(name, await self._gateway.sync(one.id, {})) for name, one in self._accounts.items()]
        jobs = await self._follow({name: job.id for name, (job, _) in started})
        answers = await self._sandbox.answers(after=last)
        fetched = sum(count for name, count in answers.items() if name.split()[0] in _FETCHES)
        if fetched or any(job.found or job.status != "completed" for job in jobs):
            raise CallvaultError("demo_failed", "The second sync was not empty.")
        self._narrator.say(
            "Nothing new. Every call was known by its id: the sources were asked for their lists alone,\n"
            "and for no transcript and no download."
        )

    async def _follow(self, jobs: dict[str, str]) -> list[Job]:
        """Show them until all have ended; in the order of their ends."""
        names = {job: name for name, job in jobs.items()}
        ended: list[Job] = []
        with make_job_display(self._narrator.console) as display:

            def going(progress: JobProgress) -> None:
                display.going(names[str(progress.job_id)], progress)

            def doing(activity: ImportActivity) -> None:
                display.doing(names[str(activity.job_id)], activity)
                if activity.doing == "transcribing":
                    self._transcribed.add(str(activity.item_id))

            def over(job: Job) -> None:
                display.ended(names[job.id], job)
                ended.append(job)

            await follow(self._gateway, list(names), on_progress=going, on_activity=doing, on_ended=over)
        return ended
