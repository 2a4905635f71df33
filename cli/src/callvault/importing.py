"""Importing files and links: send each, and if wanted stay until each has become a recording or has failed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from callvault.errors import CallvaultError
from callvault.following import follow
from callvault.gateway import Gateway, Job, Problem, Upload
from callvault.progress import Display
from pipeline_contracts import ImportActivity

Given = Path | str
"""A file, or a link."""

_LINK = re.compile(r"https?://", re.IGNORECASE)
_LINK_WITHOUT_SCHEME = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}(:[0-9]+)?/.", re.IGNORECASE)
_SUFFIXES = {".mp3", ".wav", ".m4a", ".mp4", ".mov", ".webm", ".ogg", ".flac"}


def read_given(word: str) -> Given:
    """What somebody has typed. `youtu.be/ID` is a link, unless a file or its folder is there."""
    path = Path(word)
    if _LINK.match(word):
        return word
    is_here = path.exists() or Path(path.parts[0]).is_dir() if path.parts else True
    looks_like_file = path.suffix.lower() in _SUFFIXES
    return word if _LINK_WITHOUT_SCHEME.match(word) and not is_here and not looks_like_file else path


@dataclass(frozen=True)
class Outcome:
    """What became of one file or link. `result` is imported, duplicate, skipped or failed; None while open.

    Behind a link may be several calls: then the worst that happened to any is told, and the first recording.
    """

    file: str
    job_id: str | None = None
    status: str | None = None
    result: str | None = None
    recording_id: str | None = None
    error: dict[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return asdict(self)

    def sentence(self) -> str:
        """For people."""
        if self.error:
            return f"{self.result or 'failed'}: {self.error['message']} ({self.error['code']})"
        if self.result:
            return f"{self.result}, recording {self.recording_id}"
        return f"{self.status}, job {self.job_id}"


Report = Callable[[Outcome], None]


class Importer:
    """One run over some files and links. `report` hears of each once, when nothing more is waited for.

    `options` are what is wished for with links, by the names that their sources give.
    """

    def __init__(
        self, gateway: Gateway, files: Sequence[Given], display: Display, report: Report,
        options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._gateway = gateway
        self._files = files
        self._display = display
        self._report = report
        self._options = dict.fromkeys(options, True)
        self._open: dict[str, int] = {}  # job id to the file's number

    async def run(self, *, wait: bool) -> None:
        """Send all, then follow those that are not decided yet. Raises what keeps it from following."""
        for number in range(len(self._files)):
            outcome = await self._send(number)
            if outcome.result is None and outcome.job_id and wait:
                self._open[outcome.job_id] = number
                self._display.waiting(number, self._name(number))
            else:
                self._end(number, outcome)
        if self._open:
            await self._follow()

    async def _follow(self) -> None:
        jobs = list(self._open)
        try:
            await follow(self._gateway, jobs, on_activity=self._on_activity, on_ended=self._on_ended)
        except CallvaultError as error:
            problem = {"code": error.code, "message": str(error)}
            for job_id, number in self._open.items():
                self._report(Outcome(str(self._files[number]), job_id, error=problem))
            raise

    async def _send(self, number: int) -> Outcome:
        file = self._files[number]
        if isinstance(file, str):
            return await self._send_link(file)
        try:
            total = file.stat().st_size
            sent = await self._gateway.upload(
                file, lambda count: self._display.sending(number, self._name(number), count, total)
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return _failed(file, Problem(code="file_not_readable", message=f"It cannot be read: {reason}."))
        except CallvaultError as error:
            return _failed(file, Problem(code=error.code, message=str(error)))
        return _read_upload(file, sent)

    async def _send_link(self, link: str) -> Outcome:
        try:
            job = (await self._gateway.import_links([link], self._options))["jobs"][0]
        except CallvaultError as error:
            return _failed(link, Problem(code=error.code, message=str(error)))
        return Outcome(link, job["job_id"], "queued")

    def _on_activity(self, activity: ImportActivity) -> None:
        number = self._open.get(str(activity.job_id))
        if number is not None:
            self._display.doing(number, self._name(number), activity)

    def _on_ended(self, job: Job) -> None:
        number = self._open.pop(job.id)
        self._end(number, read_outcome(self._files[number], job))

    def _end(self, number: int, outcome: Outcome) -> None:
        self._display.ended(number, self._name(number), outcome.sentence())
        self._report(outcome)

    def _name(self, number: int) -> str:
        file = self._files[number]
        return file if isinstance(file, str) else file.name


def _read_upload(file: Path, sent: Upload) -> Outcome:
    result = {"duplicate": "duplicate", "quota_exceeded": "failed"}.get(sent.outcome)
    error = sent.error.model_dump() if sent.error and result == "failed" else None
    return Outcome(str(file), sent.job_id, sent.status, result, sent.recording_id, error)


def read_outcome(file: Given, job: Job) -> Outcome:
    """The outcome of a file or link whose job has ended."""
    if not job.items:
        nothing = job.message or f"The job {job.id} found nothing."
        return _failed(file, Problem(code=job.code or "nothing_found", message=nothing))
    recording = next((item.recording_id for item in job.items if item.recording_id), None)
    item = min(job.items, key=lambda one: _WORST_FIRST.index(one.status))
    if item.status in ("imported", "duplicate"):
        return Outcome(str(file), job.id, job.status, item.status, recording)
    error = {"code": item.code or "unknown", "message": item.message or "The gateway does not say why."}
    result = "skipped" if item.status == "skipped" else "failed"
    return Outcome(str(file), job.id, job.status, result, recording, error)


_WORST_FIRST = ("failed", "found", "skipped", "imported", "duplicate")


def _failed(file: Given, problem: Problem) -> Outcome:
    return Outcome(str(file), result="failed", error=problem.model_dump())
