"""Why an item can fail: one catalogue of codes and sentences, for services, gateway and docs.

    raise ItemProblem(NO_SPEECH)
    raise ItemProblem(FILE_TOO_LARGE, "It has 612 MB, the limit is 500 MB.")
    raise Transient(ENGINE_RATE_LIMITED, retry_after=30)

A code never changes its meaning. A sentence says what happened and what to do. No detail may
carry a secret, an address with a key in it, or words of a transcript.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

LONGEST_MESSAGE = 500
"""Characters of a problem's message, as `ItemFailed` allows."""

ACCEPTED_TYPES = "MP3, WAV, M4A, MP4, MOV and WebM"


@dataclass(frozen=True)
class Problem:
    """A line of the catalogue.

    `retryable`: whether the same item may go through later without being changed.
    """

    code: str
    sentence: str
    retryable: bool


class ItemProblem(Exception):
    """An item cannot be imported. Ends this item alone; `message` is for the user."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        self.code = problem.code
        self.retryable = problem.retryable
        self.message = f"{problem.sentence} {detail}".strip()[:LONGEST_MESSAGE]
        super().__init__(f"{self.code}: {self.message}")


class Transient(ItemProblem):
    """A problem that may be over in a moment: worth some tries before the item is failed.

    `retry_after` is the wait in seconds that the other side asked for, None where it did not.
    """

    def __init__(self, problem: Problem, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(problem, detail)
        self.retry_after = retry_after


def place_of(error: Exception) -> str:
    """File and line, for whoever mends a service; not what could not be read: that may be a transcript."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


EMPTY_FILE = Problem("empty_file", "The file is empty. Choose another one.", retryable=False)
NOT_AUDIO = Problem(
    "not_audio", f"This is not a recording. {ACCEPTED_TYPES} files are accepted.", retryable=False
)
UNSUPPORTED_TYPE = Problem(
    "unsupported_type",
    f"Recordings of this type cannot be read. Convert it: {ACCEPTED_TYPES} files are accepted.",
    retryable=False,
)
TRUNCATED_FILE = Problem(
    "truncated_file",
    "The file is not complete: a part of the recording is missing. Export or upload it again.",
    retryable=False,
)
DAMAGED_FILE = Problem(
    "damaged_file", "The recording is damaged and cannot be decoded. Export it again.", retryable=False
)
NO_AUDIO_TRACK = Problem(
    "no_audio_track", "The video has no sound. Upload a recording that has.", retryable=False
)
NO_SPEECH = Problem(
    "no_speech", "Nobody speaks in this recording, so there is nothing to transcribe.", retryable=False
)
FILE_TOO_LARGE = Problem(
    "file_too_large", "The file is larger than allowed. Upload its sound alone, or in parts.", retryable=False
)
TOO_LONG_FOR_ENGINE = Problem(
    "too_long_for_engine",
    "The recording is longer than the transcription engine takes. Upload it in parts.",
    retryable=False,
)
LANGUAGE_NOT_SUPPORTED = Problem(
    "language_not_supported",
    "The transcription engine does not know this language. Configure a multilingual model.",
    retryable=False,
)
ENGINE_UNAVAILABLE = Problem(
    "engine_unavailable",
    "The transcription engine does not answer. Retry in a few minutes.",
    retryable=True,
)
ENGINE_RATE_LIMITED = Problem(
    "engine_rate_limited",
    "The transcription engine has too much to do. Retry in a few minutes.",
    retryable=True,
)
ENGINE_UNAUTHORISED = Problem(
    "engine_unauthorised",
    "The transcription engine refused the API key. Put a valid key in the settings, then retry.",
    retryable=True,
)
ENGINE_REFUSED = Problem(
    "engine_refused",
    "The transcription engine refused the recording. Try another file type or another engine.",
    retryable=False,
)
ENGINE_QUOTA_EXHAUSTED = Problem(
    "engine_quota_exhausted",
    "The account at the transcription engine is used up. Add credit there, then retry.",
    retryable=True,
)
ENGINE_MODEL_MISSING = Problem(
    "engine_model_missing",
    "The transcription engine does not have the configured model. Correct TRANSCRIBER_MODEL, then retry.",
    retryable=True,
)
FILE_MISSING = Problem(
    "file_missing", "The uploaded file is no longer in storage. Upload it again.", retryable=False
)
TRANSCRIPT_TOO_LARGE = Problem(
    "transcript_too_large",
    "The transcript is larger than 8 MB. Import the recording in parts.",
    retryable=False,
)
QUOTA_EXCEEDED = Problem(
    "quota_exceeded",
    "This month's imports are used up. Change your plan, or retry next month.",
    retryable=True,
)
INVALID_RECORD = Problem(
    "invalid_record",
    "The recording's data cannot be stored: it holds characters or dates that are none.",
    retryable=False,
)
UNREADABLE_MESSAGE = Problem(
    "unreadable_message",
    "A message about this item could not be read. Retry; if it fails again, tell your administrator.",
    retryable=True,
)
FORBIDDEN_VAULT = Problem(
    "forbidden_vault", "You are not a member of the chosen vault. Choose another one.", retryable=False
)
SOURCE_UNAVAILABLE = Problem(
    "source_unavailable", "The source does not answer. Retry in a few minutes.", retryable=True
)
SOURCE_RATE_LIMITED = Problem(
    "source_rate_limited", "The source lets us ask no more for now. Retry later.", retryable=True
)
RECONNECT_NEEDED = Problem(
    "reconnect_needed",
    "The source no longer lets us in. Reconnect it: what is missing is then fetched by itself.",
    retryable=True,
)
CLIENT_REFUSED = Problem(
    "client_refused",
    "The source does not accept this installation's client id and secret. Tell your administrator, then retry.",
    retryable=True,
)
SOURCE_FORBIDDEN = Problem(
    "source_forbidden",
    "The source does not give this call to the connected account. Allow it there, then retry.",
    retryable=True,
)
SOURCE_REFUSED = Problem(
    "source_refused", "The source refused to hand this call out. Look at it there.", retryable=False
)
SOURCE_UNREADABLE = Problem(
    "source_unreadable",
    "The source's answer could not be read. Retry; if it fails again, tell your administrator.",
    retryable=True,
)
ADDRESS_REFUSED = Problem(
    "address_refused", "The address leads to a place that is not public. Use another link.", retryable=False
)
DOWNLOAD_INCOMPLETE = Problem(
    "download_incomplete", "The recording came in only in part. Retry in a few minutes.", retryable=True
)
DOWNLOAD_TOO_LARGE = Problem(
    "download_too_large", "The recording is larger than allowed. Upload its sound alone.", retryable=False
)
LOST = Problem("lost", "The import got lost on its way. Retry it.", retryable=True)
INTERNAL_ERROR = Problem(
    "internal_error",
    "Something went wrong on our side. Retry; if it fails again, tell your administrator.",
    retryable=True,
)

CATALOGUE: dict[str, Problem] = {
    problem.code: problem
    for problem in (
        EMPTY_FILE,
        NOT_AUDIO,
        UNSUPPORTED_TYPE,
        TRUNCATED_FILE,
        DAMAGED_FILE,
        NO_AUDIO_TRACK,
        NO_SPEECH,
        FILE_TOO_LARGE,
        TOO_LONG_FOR_ENGINE,
        LANGUAGE_NOT_SUPPORTED,
        ENGINE_UNAVAILABLE,
        ENGINE_RATE_LIMITED,
        ENGINE_UNAUTHORISED,
        ENGINE_REFUSED,
        ENGINE_QUOTA_EXHAUSTED,
        ENGINE_MODEL_MISSING,
        FILE_MISSING,
        TRANSCRIPT_TOO_LARGE,
        QUOTA_EXCEEDED,
        INVALID_RECORD,
        UNREADABLE_MESSAGE,
        FORBIDDEN_VAULT,
        SOURCE_UNAVAILABLE,
        SOURCE_RATE_LIMITED,
        RECONNECT_NEEDED,
        CLIENT_REFUSED,
        SOURCE_FORBIDDEN,
        SOURCE_REFUSED,
        SOURCE_UNREADABLE,
        ADDRESS_REFUSED,
        DOWNLOAD_INCOMPLETE,
        DOWNLOAD_TOO_LARGE,
        LOST,
        INTERNAL_ERROR,
    )
}
"""Every code of ours that an item can fail with. A connector may have problems of its own besides."""

NOT_BY_ITSELF = frozenset({QUOTA_EXCEEDED.code, RECONNECT_NEEDED.code})
"""Retryable, but not by waiting: a user has to do something first."""
