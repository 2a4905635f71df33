"""What goes wrong over HTTP: RFC 9457 problem details with a stable `code`, one catalogue.

    raise NOT_FOUND.error("There is no such job.")

What is wrong with a recording itself stands in `pipeline_runtime.failures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from pipeline_runtime.failures import FILE_TOO_LARGE, NOT_AUDIO, UNSUPPORTED_TYPE, ItemProblem
from pipeline_runtime.people import PersonError

MEDIA_TYPE = "application/problem+json"
DATABASE_AWAY = (
    OSError,
    InterfaceError,
    OperationalError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)

log = structlog.get_logger()


class FieldError(BaseModel):
    """What is wrong with one field; never its value, which may be private."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details. `code` never changes its meaning; `detail` is for people."""

    type: str = Field(examples=["urn:callvault:problem:not_audio"])
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None


class ProblemError(HTTPException):
    """An answer that is a problem."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """A line of the catalogue."""

    status: int
    code: str
    sentence: str

    def error(self, sentence: str = "", headers: dict[str, str] | None = None) -> ProblemError:
        """The exception to raise; another sentence where more is known."""
        return ProblemError(self.status, self.code, sentence or self.sentence, headers)


NOT_SIGNED_IN = Answer(401, "not_signed_in", "Sign in, or send an API token.")
INVALID_TOKEN = Answer(401, "invalid_token", "The token is not valid here. Sign in again.")
TOKEN_EXPIRED = Answer(401, "token_expired", "The token has expired. Sign in again.")
WRONG_CREDENTIALS = Answer(401, "wrong_credentials", "E-mail address or password is wrong.")
SIGNUP_CLOSED = Answer(403, "signup_closed", "New accounts are made by the administrator.")
FOREIGN_ORIGIN = Answer(403, "foreign_origin", "This request comes from another site and was refused.")
NOT_FOUND = Answer(404, "not_found", "There is nothing here.")
METHOD_NOT_ALLOWED = Answer(405, "method_not_allowed", "This address does not take that method.")
UPLOAD_STALLED = Answer(408, "upload_stalled", "No bytes came for a minute. Upload the file again.")
USER_EXISTS = Answer(409, "user_exists", "There is a user with this e-mail address already.")
NO_TIMES = Answer(409, "no_times", "This transcript has no times. Download it as text.")
NOT_FAILED = Answer(409, "not_failed", "This item has not failed, so there is nothing to retry.")
NO_GAPS = Answer(409, "no_gaps", "Nothing is missing in this recording.")
GAPS_GONE = Answer(
    409, "gaps_gone", "The sound of what is missing is no longer kept. Import the recording once more."
)
QUOTA_USED_UP = Answer(409, "quota_exceeded", "This month's imports are used up.")
NO_SUCH_SOURCE = Answer(404, "no_such_source", "There is no such source.")
METHOD_NOT_OFFERED = Answer(409, "method_not_offered", "This source is not connected in that way.")
SOURCE_NOT_CONFIGURED = Answer(
    409, "source_not_configured", "This source is not set up on this installation. Ask your administrator."
)
ACCOUNT_PAUSED = Answer(409, "account_paused", "This account is paused. Resume it first.")
RECONNECT_NEEDED = Answer(
    409,
    "reconnect_needed",
    "The source no longer lets us in. Reconnect this account: what is missing is then fetched by itself.",
)
ACCOUNT_DISCONNECTED = Answer(
    409, "account_disconnected", "This account is disconnected. Connect it again first."
)
SOURCE_SWITCHED_OFF = Answer(409, "source_switched_off", "This source is switched off. Switch it on to import.")
NO_SWITCH = Answer(409, "no_switch", "This source has a switch for each account. Pause its accounts.")
JOB_ENDED = Answer(409, "job_ended", "This import has ended already.")
BODY_TOO_LARGE = Answer(413, "body_too_large", "The request is larger than this address takes.")
NOT_MULTIPART = Answer(415, "not_multipart", "Send the file as multipart/form-data.")
INVALID_REQUEST = Answer(422, "invalid_request", "The request does not fit this address.")
MALFORMED_FORM = Answer(400, "malformed_form", "The form cannot be read. Upload the file again.")
MISSING_FILE = Answer(422, "missing_file", "The form has no file. Send one in the field `file`.")
TOO_MANY_FILES = Answer(422, "too_many_files", "Send one file at a time.")
INVALID_FILENAME = Answer(
    422, "invalid_filename", "The file's name has path separators or control characters. Rename the file."
)
INVALID_FIELD = Answer(422, "invalid_field", "A field of the form cannot be read.")
MISSING_KEY = Answer(422, "missing_key", "Send the API key in the field `api_key`.")
UNKNOWN_OPTION = Answer(422, "unknown_option", "This source has no such option.")
UNSUPPORTED_LINK = Answer(422, "unsupported_link", "No source takes this link.")
INVALID_SIGNATURE = Answer(401, "invalid_signature", "The webhook's signature is not valid.")
BODY_STALLED = Answer(408, "body_stalled", "The rest of the request did not come in time.")
TOO_MANY_CONNECTS = Answer(
    429, "too_many_connects", "Too many attempts at connecting are under way. Try again in some minutes."
)
TOO_MANY_ATTEMPTS = Answer(429, "too_many_attempts", "Too many attempts. Try again in some minutes.")
TOO_MANY_STREAMS = Answer(429, "too_many_streams", "You have too many event streams open. Close some.")
TUS_VERSION = Answer(412, "tus_version", "Resumable uploads speak tus 1.0.0. Send Tus-Resumable: 1.0.0.")
NOT_OFFSET_STREAM = Answer(415, "not_offset_stream", "Send pieces as application/offset+octet-stream.")
MISSING_LENGTH = Answer(422, "missing_length", "Say in Upload-Length how many bytes the file has.")
MISSING_OFFSET = Answer(422, "missing_offset", "Say in Upload-Offset where in the file the piece begins.")
WRONG_OFFSET = Answer(409, "wrong_offset", "The piece does not begin where the upload ends. Ask by HEAD.")
UPLOAD_FINISHED = Answer(409, "upload_finished", "All bytes of this upload are here; its import goes on.")
UPLOAD_EXPIRED = Answer(410, "upload_expired", "The upload was left for too long. Upload the file again.")
PIECE_TOO_LARGE = Answer(413, "piece_too_large", "There are more bytes than Upload-Length has announced.")
UPLOAD_LOCKED = Answer(423, "upload_locked", "Another request writes to this upload. Go on after a HEAD.")
TOO_MANY_UPLOADS = Answer(429, "too_many_uploads", "Too many of your uploads are unfinished. End some.")
INTERNAL_ERROR = Answer(500, "internal_error", "Something went wrong on our side. Try again.")
IDENTITY_PROVIDER_UNAVAILABLE = Answer(
    503, "identity_provider_unavailable", "The identity provider does not answer. Try again in a minute."
)
SOURCE_NOT_RUNNING = Answer(
    503, "source_not_running", "The connector of this source is not running. Try again in some minutes."
)
UNAVAILABLE = Answer(503, "unavailable", "The database does not answer. Try again in a moment.")
STORAGE_UNAVAILABLE = Answer(
    503, "storage_unavailable", "The file could not be stored. Try again; if it fails again, the disk is full."
)

_OF_STATUS = {line.status: line for line in (NOT_FOUND, METHOD_NOT_ALLOWED, BODY_TOO_LARGE, NOT_SIGNED_IN)}
_OF_ITEM = {FILE_TOO_LARGE.code: 413, NOT_AUDIO.code: 415, UNSUPPORTED_TYPE.code: 415}
"""Statuses of files that are refused; the others are 422."""
_OF_PERSON = {USER_EXISTS.code: USER_EXISTS.status}


def respond(request: Request, error: ProblemError, errors: list[FieldError] | None = None) -> JSONResponse:
    """The problem as a response."""
    problem = Problem(
        type=f"urn:callvault:problem:{error.code}",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=error.detail,
        code=error.code,
        request_id=getattr(request.state, "request_id", ""),
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), error.status_code, error.headers, media_type=MEDIA_TYPE
    )


def of_item(problem: ItemProblem) -> ProblemError:
    """A refused file as an answer."""
    return ProblemError(_OF_ITEM.get(problem.code, 422), problem.code, problem.message)


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Ours, and the framework's own: no such route, wrong method, unreadable body."""
    if isinstance(error, ProblemError):
        return respond(request, error)
    assert isinstance(error, HTTPException)
    line = _OF_STATUS.get(error.status_code, INVALID_REQUEST)
    named = ProblemError(error.status_code, line.code, line.sentence, dict(error.headers or {}))
    return respond(request, named)


async def on_item_problem(request: Request, error: Exception) -> JSONResponse:
    """A file that cannot be imported."""
    assert isinstance(error, ItemProblem)
    return respond(request, of_item(error))


async def on_person_error(request: Request, error: Exception) -> JSONResponse:
    """A person's data that cannot be taken."""
    assert isinstance(error, PersonError)
    return respond(request, ProblemError(_OF_PERSON.get(error.code, 422), error.code, error.message))


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """Which fields are wrong, without their values."""
    assert isinstance(error, RequestValidationError)
    wrong = [
        FieldError(
            field=".".join(str(step) for step in one["loc"][1:]) or str(one["loc"][0]), message=one["msg"]
        )
        for one in error.errors()
    ]
    return respond(request, INVALID_REQUEST.error(), wrong)


async def on_database_away(request: Request, error: Exception) -> JSONResponse:
    """It is being started again, or cannot be reached: worth another try, and no bug."""
    log.warning("database.away", error=type(error).__name__)
    return respond(request, UNAVAILABLE.error(headers={"Retry-After": "2"}))


HANDLERS: dict[Any, Any] = {
    **dict.fromkeys(DATABASE_AWAY, on_database_away),
    HTTPException: on_http_error,
    ItemProblem: on_item_problem,
    PersonError: on_person_error,
    RequestValidationError: on_invalid_request,
}


def documented(*lines: Answer, refused_files: bool = False) -> dict[int | str, dict[str, Any]]:
    """A route's problems for OpenAPI, by status."""
    codes: dict[int, list[str]] = {422: [INVALID_REQUEST.code]}
    for line in (NOT_SIGNED_IN, INVALID_TOKEN, *lines, UNAVAILABLE):
        codes.setdefault(line.status, []).append(line.code)
    if refused_files:
        codes.setdefault(413, []).append("file_too_large")
        codes.setdefault(415, []).extend(["not_audio", "unsupported_type"])
        codes[422] += ["empty_file", "truncated_file", "damaged_file", "no_audio_track"]
    schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": f"Code: {', '.join(f'`{code}`' for code in named)}.", "content": schema}
        for status, named in sorted(codes.items())
    }
