"""Telling a longer run: headings, steps with their times, a spinner where someone watches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.rule import Rule
from rich.status import Status
from rich.text import Text

from callvault.terminal import clean


class Narrator:
    """Writes to one console; plain lines where that is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None
        self._step = ""

    def heading(self, text: str) -> None:
        """Begin a new part."""
        self.console.print()
        self.console.print(Rule(text, align="left") if self.console.is_terminal else f"== {text}")

    def say(self, text: str) -> None:
        """A line, or several."""
        self.console.print(Text(clean(text)))

    def note(self, text: str) -> None:
        """What the present step is at: beside the spinner, or a line."""
        if self._status:
            self._status.update(Text(clean(f"{self._step}: {text}")))
        else:
            self.say(f"  {text}")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Something that takes a while. Says what, and in the end how long it took if it went well."""
        began = time.monotonic()
        self._step = text
        if self.console.is_terminal:
            self._status = self.console.status(Text(text))
            self._status.start()
        else:
            self.say(f"{text} ...")
        try:
            yield
        finally:
            if self._status:
                self._status.stop()
                self._status = None
        self.say(f"{text}: done in {time.monotonic() - began:.1f} s")
