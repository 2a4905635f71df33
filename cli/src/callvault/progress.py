"""How far an import is: moving bars on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from callvault.terminal import clean, short_duration, size
from pipeline_contracts import ImportActivity

_LINE_SECONDS = 5.0


class Display(Protocol):
    """Told what happens to each file; files are known by their number on the command line."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def sending(self, number: int, name: str, sent: int, total: int) -> None:
        """So many of a file's bytes have gone out."""

    def doing(self, number: int, name: str, activity: ImportActivity) -> None:
        """What a service does with it."""

    def waiting(self, number: int, name: str) -> None:
        """It lies there safely and its turn will come."""

    def ended(self, number: int, name: str, sentence: str) -> None:
        """Nothing more will happen to it."""


def make_display(console: Console) -> Display:
    """Bars where someone can watch them, else lines."""
    return Bars(console) if console.is_terminal else Lines(console)


def describe(activity: ImportActivity) -> str:
    """An activity in words, with the seconds of audio done."""
    if activity.doing == "waiting":
        return "waiting" + (f" until {activity.until.astimezone():%H:%M:%S}" if activity.until else "")
    if activity.seconds_total:
        done, total = short_duration(activity.seconds_done or 0), short_duration(activity.seconds_total)
        return f"{activity.doing} {done} of {total}"
    return activity.doing


class Bars:
    """One bar a file: first its bytes, then its seconds of audio."""

    def __init__(self, console: Console) -> None:
        self._tasks: dict[int, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", markup=False),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def sending(self, number: int, name: str, sent: int, total: int) -> None:
        """Move the bar of bytes."""
        self._show(number, name, sent, total, f"uploading {size(sent)} of {size(total)}")

    def doing(self, number: int, name: str, activity: ImportActivity) -> None:
        """Move the bar of seconds; without any it stays where it was."""
        total = activity.seconds_total
        self._show(number, name, activity.seconds_done or 0 if total else None, total, describe(activity))

    def waiting(self, number: int, name: str) -> None:
        """A pulsing bar."""
        self._progress.reset(self._task(number, name), total=None, doing="waiting for its turn")

    def ended(self, number: int, name: str, sentence: str) -> None:
        """A full bar and how it ended."""
        task = self._task(number, name)
        total = self._progress.tasks[self._progress.task_ids.index(task)].total or 1
        self._progress.update(task, completed=total, total=total, doing=sentence)

    def _task(self, number: int, name: str) -> TaskID:
        if number not in self._tasks:
            self._tasks[number] = self._progress.add_task(clean(name), total=None, doing="")
        return self._tasks[number]

    def _show(self, number: int, name: str, done: float | None, total: float | None, doing: str) -> None:
        self._progress.update(self._task(number, name), completed=done, total=total, doing=doing)


class Lines:
    """A line when something new happens to a file, and every few seconds while it goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[int, tuple[str, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def sending(self, number: int, name: str, sent: int, total: int) -> None:
        """Say how many bytes."""
        begun = number in self._last
        self._say(number, name, "uploading", f"uploading {f'{size(sent)} of ' if begun else ''}{size(total)}")

    def doing(self, number: int, name: str, activity: ImportActivity) -> None:
        """Say what is done, and how many seconds of audio."""
        self._say(number, name, activity.doing, describe(activity))

    def waiting(self, number: int, name: str) -> None:
        """Say so."""
        self._say(number, name, "queued", "uploaded; waiting for its turn")

    def ended(self, number: int, name: str, sentence: str) -> None:
        """Say how."""
        self._say(number, name, "ended", sentence)

    def _say(self, number: int, name: str, kind: str, sentence: str) -> None:
        last_kind, when = self._last.get(number, ("", 0.0))
        now = time.monotonic()
        if kind != last_kind or now - when >= _LINE_SECONDS:
            self._last[number] = (kind, now)
            self._console.print(f"{clean(name)}: {sentence}")
