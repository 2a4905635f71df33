"""How far whole jobs are, call by call: a bar each on a terminal, a line now and then elsewhere."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from callvault.gateway import Job
from callvault.progress import describe as describe_activity
from callvault.terminal import clean
from pipeline_contracts import ImportActivity, JobProgress

_LINE_SECONDS = 1.0

Counters = JobProgress | Job


class JobDisplay(Protocol):
    """Told of each change of a job; jobs are known by their names."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def going(self, name: str, job: Counters) -> None:
        """It stands so now."""

    def doing(self, name: str, activity: ImportActivity) -> None:
        """What is done with one of its calls, where that takes a while."""

    def ended(self, name: str, job: Job) -> None:
        """Nothing more will happen to it."""


def make_job_display(console: Console) -> JobDisplay:
    """Bars where someone can watch them, else lines."""
    return JobBars(console) if console.is_terminal else JobLines(console)


def describe(job: Counters) -> str:
    """The counters in words."""
    if not job.found:
        return "looking for calls" if job.status in ("queued", "running") else "nothing new"
    counts = {
        "imported": job.imported, "duplicates": job.duplicates, "skipped": job.skipped, "failed": job.failed,
    }  # fmt: skip
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{job.found - job.open} of {job.found} calls{f': {told}' if told else ''}"


class JobBars(AbstractContextManager["JobBars"]):
    """One bar a job: its calls that are decided, of all that were found."""

    def __init__(self, console: Console) -> None:
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]} {task.fields[doing]}", markup=False),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def going(self, name: str, job: Counters) -> None:
        """Move the bar; as long as nothing is found, it pulses."""
        done, total = (job.found - job.open, job.found) if job.found else (0, None)
        if total is not None and done == total:
            done, total = done, total + 1  # full only when it has ended: more may be found
        self._progress.update(self._task(name), completed=done, total=total, told=describe(job))

    def doing(self, name: str, activity: ImportActivity) -> None:
        """Beside the counters."""
        self._progress.update(self._task(name), doing=f"({describe_activity(activity)})")

    def ended(self, name: str, job: Job) -> None:
        """A full bar."""
        total = job.found or 1
        self._progress.update(self._task(name), completed=total, total=total, told=describe(job), doing="")

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(clean(name), total=None, told="", doing="")
        return self._tasks[name]


class JobLines(AbstractContextManager["JobLines"]):
    """A line a second at most, and one in the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, tuple[str, float]] = {}
        self._listening: set[str] = set()

    def __exit__(self, *_: object) -> None:
        return None

    def going(self, name: str, job: Counters) -> None:
        """Say it, unless it was said just now or its end is near."""
        said, when = self._last.get(name, ("", 0.0))
        now = time.monotonic()
        is_open = job.open or not job.found
        if is_open and describe(job) != said and now - when >= _LINE_SECONDS:
            self._last[name] = (describe(job), now)
            self._console.print(f"{clean(name)}: {describe(job)}")

    def doing(self, name: str, activity: ImportActivity) -> None:
        """Say once that sound is transcribed: all else is over soon."""
        if activity.doing == "transcribing" and name not in self._listening:
            self._listening.add(name)
            self._console.print(f"{clean(name)}: transcribing the sound of a call")

    def ended(self, name: str, job: Job) -> None:
        """Say how it stands now."""
        self._console.print(f"{clean(name)}: {describe(job)}")
