"""Any engine that speaks `POST /v1/audio/transcriptions`: OpenAI itself, or a server of one's own.

API: https://platform.openai.com/docs/api-reference/audio/createTranscription. Whoever calls does
the retrying: a call here is one request (two, where the model refuses the richer answer).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import openai
import structlog
from openai import AsyncOpenAI, omit
from pydantic import SecretStr

from pipeline_runtime.failures import ENGINE_UNAVAILABLE, Transient
from transcriber.engines.answers import read_answer
from transcriber.engines.engine import NO_HINTS, Caps, Hints, OnProgress, PartAudio
from transcriber.engines.refusals import FormatRefused, problem_of
from transcriber.transcript import Transcript

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-transcribe"  # the successor of whisper-1, which ends in February 2027
OWN_MODEL = "whisper-1"  # what servers of one's own answer to where they do not care
_MAX_BYTES = 24 * 1024 * 1024  # OpenAI takes 25 MiB, with the request around the file
_SHORT_MODELS = 1400.0  # seconds that gpt-4o's transcribing models take
_CONNECT, _WRITE = 10.0, 120.0  # seconds
_LEAST_WAIT, _PER_SECOND, _MOST_WAIT = 120.0, 2.0, 7200.0  # for the answer, by the length of the sound

log = structlog.get_logger()


class OpenAIEngine:
    """A client of the protocol. The key goes to the given address and nowhere else."""

    languages: frozenset[str] | None = None

    def __init__(self, *, key: SecretStr | None, base_url: str | None = None, model: str | None = None) -> None:
        self.name = "compatible" if base_url else "openai"
        self.model = model or (OWN_MODEL if base_url else OPENAI_MODEL)
        is_short = self.model.startswith("gpt-4o")
        self.caps = Caps(None if base_url else _MAX_BYTES, _SHORT_MODELS if is_short else None)
        self._form = _richest_form(self.model)
        self._client = AsyncOpenAI(
            api_key=key.get_secret_value() if key else "none",  # the client insists on one
            base_url=_with_version(base_url) if base_url else OPENAI_URL,
            max_retries=0,
        )

    async def start(self) -> None:
        """Nothing to do: a paid engine is not asked before there is work."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def problem(self) -> str | None:
        """None: whether it answers is seen by the work."""
        return None

    async def transcribe(
        self,
        part: PartAudio,
        *,
        language: str | None = None,
        prompt: str | None = None,
        hints: Hints = NO_HINTS,
        on_progress: OnProgress,
    ) -> Transcript:
        """The part's words in one call. Raises ItemProblem or Transient."""
        async with AsyncExitStack() as stack:
            mp3 = part.mp3(self.caps.max_bytes)
            file = await asyncio.to_thread(stack.enter_context, mp3)
            told = ", ".join([*([prompt] if prompt else []), *hints.vocabulary]) or None
            body = await self._ask_in_time(file, part.seconds, language, told)
        on_progress(part.seconds)
        return read_answer(body, part.seconds)

    async def _ask_in_time(self, file: Path, seconds: float, language: str | None, prompt: str | None) -> bytes:
        """A server that sends a byte now and then would keep every smaller time-out from striking."""
        try:
            async with asyncio.timeout(2 * _MOST_WAIT):
                return await self._ask(file, seconds, language, prompt)
        except TimeoutError:
            raise Transient(ENGINE_UNAVAILABLE, "It did not answer in time.") from None

    async def _ask(self, file: Path, seconds: float, language: str | None, prompt: str | None) -> bytes:
        try:
            return await self._post(file, seconds, language, prompt)
        except FormatRefused:
            if self._form == "json":
                raise Transient(ENGINE_UNAVAILABLE) from None
            log.info("engine.answers_json_only", engine=self.name, model=self.model)
            self._form = "json"
            return await self._ask(file, seconds, language, prompt)

    async def _post(self, file: Path, seconds: float, language: str | None, prompt: str | None) -> bytes:
        """The body of the answer. Raises ItemProblem, FormatRefused."""
        wait = min(_LEAST_WAIT + seconds * _PER_SECOND, _MOST_WAIT)
        options: dict[str, Any] = {"response_format": self._form}
        if self._form == "verbose_json":
            options["timestamp_granularities"] = ["segment"]
        if self._form == "diarized_json":
            options["chunking_strategy"] = "auto"
        try:
            answer = await self._client.audio.transcriptions.with_raw_response.create(
                file=file,  # with a real name: the format is taken from it
                model=self.model,
                language=language or omit,
                prompt=(prompt if self._form != "diarized_json" else None) or omit,
                timeout=httpx2.Timeout(wait, connect=_CONNECT, write=_WRITE),
                **options,
            )
        except openai.APIError as error:
            log.warning("engine.refused", **_facts(error))
            raise problem_of(error) from None
        except httpx2.HTTPError as error:
            raise Transient(ENGINE_UNAVAILABLE) from error
        return bytes(answer.content)

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.name}, {self.model})"


def _richest_form(model: str) -> str:
    """The answer with the most in it that a model gives."""
    if "diarize" in model:
        return "diarized_json"
    return "json" if model.startswith("gpt-") else "verbose_json"


def _with_version(url: str) -> str:
    """The address with `/v1` where only a host was given."""
    parts = urlsplit(url.rstrip("/"))
    return urlunsplit(parts._replace(path=parts.path or "/v1"))


def _facts(error: openai.APIError) -> dict[str, Any]:
    """What may be logged of an error: numbers and slugs, nothing that the server wrote freely."""
    facts: dict[str, Any] = {"error": type(error).__name__, "code": error.code, "param": error.param}
    if isinstance(error, openai.APIStatusError):
        facts |= {"status": error.status_code, "request_id": error.request_id}
    return facts
