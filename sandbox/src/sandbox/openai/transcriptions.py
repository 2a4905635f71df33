"""POST /audio/transcriptions: checks as strict as the real ones, then one of six shapes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from sandbox.meetings.script import Line
from sandbox.openai import shapes
from sandbox.openai.errors import authorized, counted, error
from sandbox.openai.hearing import length, lines
from sandbox.openai.models import Model, find
from sandbox.routes import note, world_of
from sandbox.settings import OpenAISettings

EXTENSIONS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
LONG = 30  # seconds from which the diarizing model wants to be told how to cut
MOST_SPEAKERS = 4
BAD_FORMAT = "This model does not support the format you provided."
"""By its name, or because it cannot be read."""
SHORTEST = 0.1


@dataclass(frozen=True)
class Heard:
    """A request that passed all checks, and what was heard."""

    model: Model
    format: str
    seconds: float
    lines: list[Line]
    granularities: list[str]
    names: list[str]
    language: str
    logprobs: bool
    quirk: str


async def on_transcribe(request: Request) -> Response:
    """One file in, its words out."""
    began = time.monotonic()
    authorized(request)
    settings = world_of(request).settings.openai
    _check_size(request, settings)
    headers = counted(request)
    form = await request.form()
    note(request, str(form.get("model", "")))
    heard = await _hear(request, form, settings)
    streams = heard.model.streams and str(form.get("stream", "")).lower() == "true"
    headers["openai-processing-ms"] = str(int((time.monotonic() - began) * 1000))
    return shapes.stream(heard, headers) if streams else shapes.answer(heard, headers)


def _check_size(request: Request, settings: OpenAISettings) -> None:
    """The whole body counts. The type says server_error, and it is not one."""
    size = int(request.headers.get("content-length", "0"))
    if size > settings.max_bytes:
        text = f"413: Maximum content size limit ({settings.max_bytes}) exceeded ({size} bytes read)"
        raise error(413, text, kind="server_error", usage={"type": "duration", "seconds": 0})


async def _hear(request: Request, form: FormData, settings: OpenAISettings) -> Heard:
    model = find(world_of(request), str(form.get("model", "")))
    wanted = str(form.get("response_format", "json"))
    _check_options(model, wanted, form)
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise error(400, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
    body = await upload.read()
    seconds = _check_sound(body, upload.filename or "", model, settings)
    if model.speakers and seconds > LONG and not form.get("chunking_strategy"):
        text = "chunking_strategy is required for diarization models with audio longer than 30 seconds"
        raise error(400, text, param="chunking_strategy", code="missing_required_parameter")
    return Heard(
        model=model,
        format=wanted,
        seconds=seconds,
        lines=await asyncio.to_thread(lines, body, seconds, settings),
        granularities=[str(each) for each in form.getlist("timestamp_granularities[]")] or ["segment"],
        names=[str(each) for each in form.getlist("known_speaker_names[]")],
        language=str(form.get("language") or "en"),
        logprobs="logprobs" in form.getlist("include[]"),
        quirk=settings.quirk,
    )


def _check_options(model: Model, wanted: str, form: FormData) -> None:
    if wanted not in model.formats:
        text = f"response_format '{wanted}' is not compatible with model '{model.name}'"
        raise error(400, text, param="response_format", code="unsupported_value")
    if "timestamp_granularities[]" in form and wanted != "verbose_json":
        text = "timestamp_granularities is only supported with response_format 'verbose_json'"
        raise error(400, text, param="timestamp_granularities", code="unsupported_value")
    if "include[]" in form and not (model.logprobs and wanted == "json"):
        text = f"include is not compatible with model '{model.name}' and response_format '{wanted}'"
        raise error(400, text, param="include", code="unsupported_value")
    if form.get("prompt") and not model.prompts:
        raise error(
            400, "Prompt is not supported for diarization models", param="prompt", code="unsupported_value"
        )
    for name in ("known_speaker_names", "known_speaker_references"):
        if f"{name}[]" in form and not model.speakers:
            text = f"{name} is not compatible with model '{model.name}'"
            raise error(400, text, param=name, code="unsupported_value")
    if len(form.getlist("known_speaker_names[]")) > MOST_SPEAKERS:
        raise error(
            400, "At most 4 known speakers are supported", param="known_speaker_names", code="invalid_value"
        )
    for name in ("languages[]", "keywords[]"):
        if name in form and not model.hints:
            raise error(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def _check_sound(body: bytes, name: str, model: Model, settings: OpenAISettings) -> float:
    if name.rpartition(".")[2].lower() not in EXTENSIONS:
        raise error(400, BAD_FORMAT, param="file", code="unsupported_value")
    seconds = length(body)
    if seconds is None:
        raise error(400, BAD_FORMAT, param="file", code="invalid_value")
    if seconds < SHORTEST:
        text = f"Audio file is too short. Minimum audio length is {SHORTEST} seconds."
        raise error(400, text, param="file", code="audio_too_short")
    if model.capped and seconds > settings.max_seconds:
        text = (
            f"audio duration {seconds:g} seconds is longer than {settings.max_seconds:g} seconds "
            "which is the maximum for this model"
        )
        raise error(400, text, code="invalid_value")
    return seconds
