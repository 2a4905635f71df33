"""What the demo shows once the stack runs: a file's import, and sources whose calls come in by themselves."""

import shlex
import sys
from pathlib import Path

from callvault.access import find_access
from callvault.commands.imports import run_import
from callvault.errors import CallvaultError
from callvault.evidence import Evidence
from callvault.gateway import open_gateway
from callvault.home import Home
from callvault.importing import Outcome
from callvault.narrator import Narrator
from callvault.sandbox_admin import open_sandbox
from callvault.sandboxed import sandbox_address
from callvault.sources_story import SourcesStory

_INDENT = " " * 14


class Demonstration:
    """The story, told on one home's running stack with one recording.

    `disconnect`: let go of the accounts in the end, because the sandbox that knows them stops, too.
    """

    def __init__(self, home: Home, recording: Path, narrator: Narrator, *, disconnect: bool = False) -> None:
        self._home = home
        self._file = recording
        self._narrator = narrator
        self._disconnect = disconnect
        self._evidence = Evidence(home, narrator)

    async def tell(self) -> None:
        """All of it. Raises `demo_failed` where something did not come out as it should."""
        self._narrator.heading(f"Importing a recording: {self._file}")
        first = await self._import()
        if first.result == "duplicate":
            self._narrator.say(
                "An earlier run has imported this recording into this home already, so this is a duplicate.\n"
                "For the whole story give the demo an empty one: CALLVAULT_HOME=$(mktemp -d) make demo"
            )
        await self._evidence.show_row(str(first.recording_id))
        await self._evidence.show_event(str(first.recording_id), fresh=first.result == "imported")
        await self._show_duplicate(str(first.recording_id))
        sandbox = sandbox_address(self._home)
        await self._show_sources(sandbox)
        await self._show_address(sandbox)

    async def _import(self) -> Outcome:
        outcome = (await run_import(self._home, [self._file], wait=True))[0]
        if outcome.error:
            raise CallvaultError("demo_failed", f"The import failed: {outcome.error['message']}")
        return outcome

    async def _show_duplicate(self, recording_id: str) -> None:
        self._narrator.heading("The same file again")
        again = await self._import()
        if again.result != "duplicate" or again.recording_id != recording_id:
            raise CallvaultError("demo_failed", f"The second import was no duplicate: {again.sentence()}.")
        self._narrator.say(
            "duplicate: known by its SHA-256 before anything was transcribed, and not stored again."
        )

    async def _show_sources(self, sandbox: str | None) -> None:
        if sandbox is None:
            command = _command(self._home)
            self._narrator.heading("Fathom and Zoom")
            self._narrator.say(
                "They are left out, because this stack runs without the sandbox that plays them.\n"
                f"To see them: {command} down && {command} demo"
            )
            return
        access = await find_access(self._home)
        async with open_gateway(access) as gateway, open_sandbox(sandbox) as admin:
            story = SourcesStory(self._home, self._narrator, gateway, admin)
            await story.tell()
            if self._disconnect:
                await story.disconnect()

    async def _show_address(self, sandbox: str | None) -> None:
        access, command = await find_access(self._home), _command(self._home)
        self._narrator.heading("The app is running")
        rows = {
            "Address": access.url,
            "API": f"{access.url}/docs",
            "Your token": f"{self._home.path / 'credentials.json'} (the command uses it by itself)",
            "Sign in": f"{command} user add you@example.com --plan unlimited, then POST /api/session",
        }
        if sandbox and not self._disconnect:
            rows |= {
                "Look around": f"{command} sources (or recordings, jobs, failures, sync)",
                "Connect": f"{command} connect zoom\n{_INDENT}prints an address: open it, choose Tom, allow",
                "Sandbox": f"{sandbox}/admin/state; sandbox/README.md says what it can play",
            }
        self._narrator.say("\n".join(f"  {name:11} {value}" for name, value in rows.items()))


def _command(home: Home) -> str:
    """How to call the command for this home, as a person here would write it."""
    program = Path(sys.argv[0])
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    return str(shown) if home.is_usual else f"CALLVAULT_HOME={shlex.quote(str(home.path))} {shown}"
