"""Any engine that speaks `POST /v1/audio/transcriptions`: OpenAI itself, or a server of one's own.

API: https://platform.openai.com/docs/api-reference/audio/createTranscription. Whoever calls does
the retrying: a call here is one request, and another one only where the model refuses an option,
or is gone and its successor is asked.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import openai
import structlog
from openai import AsyncOpenAI, omit
from pydantic import SecretStr

from pipeline_runtime.failures import ENGINE_UNAVAILABLE, Transient
from transcriber.engines import models
from transcriber.engines.answers import Answer, read_answer
from transcriber.engines.engine import NO_HINTS, Caps, Hints, OnProgress, PartAudio, PartTooLong
from transcriber.engines.refusals import ModelGone, OptionRefused, problem_of
from transcriber.engines.request import Refused, options_of
from transcriber.engines.succession import Succession
from transcriber.speech import speech_seconds
from transcriber.transcript import Transcript

OPENAI_URL = "https://api.openai.com/v1"
_CONNECT, _WRITE = 10.0, 120.0  # seconds
# For the answer, by the length of the sound. Of a short one, too, OpenAI's have come after 300 seconds.
_LEAST_WAIT, _PER_SECOND, _MOST_WAIT = 330.0, 2.0, 7200.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Question:
    """One part, and what is asked about it."""

    part: PartAudio
    language: str | None
    prompt: str | None
    hints: Hints


class OpenAIEngine:
    """A client of the protocol. The key goes to the given address and nowhere else."""

    languages: frozenset[str] | None = None

    def __init__(
        self,
        *,
        key: SecretStr | None,
        base_url: str | None = None,
        openai_url: str = OPENAI_URL,
        model: str | None = None,
        successor: str | None = None,
        language: str | None = None,
        words: bool = False,
    ) -> None:
        self.name = "compatible" if base_url else "openai"
        self._models = Succession(model or models.DEFAULT, successor, own_server=base_url is not None)
        self._language = language  # where nobody says which; whisper.cpp takes English without, and `auto`
        self._words = words
        self._refused = Refused()
        self._client = AsyncOpenAI(
            api_key=key.get_secret_value() if key else "none",  # the client insists on one
            base_url=_with_version(base_url or openai_url),
            max_retries=0,
        )

    @property
    def model(self) -> str:
        """The model that is asked now."""
        return self._models.current.name

    @property
    def caps(self) -> Caps:
        """Of that model."""
        return self._models.current.caps

    @property
    def takes_speakers(self) -> bool:
        """Whether it tells speakers apart, and those best whose voices it is given."""
        return self._models.current.speakers

    async def start(self) -> None:
        """Nothing to do: a paid engine is not asked before there is work."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def problem(self) -> str | None:
        """None: whether it answers is seen by the work."""
        return None

    def notice(self) -> str | None:
        """That the model is gone or will be, where it is so."""
        return self._models.notice()

    async def transcribe(
        self,
        part: PartAudio,
        *,
        language: str | None = None,
        prompt: str | None = None,
        hints: Hints = NO_HINTS,
        on_progress: OnProgress,
    ) -> Transcript:
        """The part's words. Raises ItemProblem, Transient or PartTooLong."""
        question = _Question(part, language, prompt, hints)
        while True:
            model = self._models.current
            try:
                transcript = await self._heard(question, model)
            except ModelGone as gone:
                self._models.replace(model, gone)
            else:
                on_progress(part.seconds)
                return transcript

    async def _heard(self, question: _Question, model: models.Model) -> Transcript:
        """The part's words by this model. Raises what `transcribe` does, and ModelGone."""
        part = question.part
        if model.max_seconds is not None and part.seconds > model.max_seconds:
            raise PartTooLong(
                f"It takes {model.max_seconds / 60:.0f} minutes at once.", max_seconds=model.max_seconds
            )
        async with AsyncExitStack() as stack:
            file = await asyncio.to_thread(stack.enter_context, part.mp3(model.max_bytes))
            answer, options = await self._asked_in_time(file, question, model)
        transcript = answer.transcript(part.seconds, await _speech(part, answer))
        return transcript.model_copy(
            update={
                "known_speakers": tuple(options.get("known_speaker_names", ())),
                "model": model.name,
                "replaces": self._models.replaced_by(model),
                "seconds": round(part.seconds, 3),
            }
        )

    async def _asked_in_time(
        self, file: Path, question: _Question, model: models.Model
    ) -> tuple[Answer, dict[str, Any]]:
        """A server that sends a byte now and then would keep every smaller time-out from striking."""
        try:
            async with asyncio.timeout(2 * _MOST_WAIT):
                return await self._asked(file, question, model)
        except TimeoutError:
            raise Transient(ENGINE_UNAVAILABLE, "It did not answer in time.") from None

    async def _asked(
        self, file: Path, question: _Question, model: models.Model
    ) -> tuple[Answer, dict[str, Any]]:
        """The answer and the options it was asked with, without those that the server refuses."""
        while True:
            options = options_of(
                model, self._refused, prompt=question.prompt, hints=question.hints, words=self._words
            )
            try:
                body = await self._posted(file, question, model, options)
            except OptionRefused as refused:
                log.info("engine.option_refused", engine=self.name, model=model.name, option=refused.option)
                self._refused.add(model, refused.option, options)
            else:
                return read_answer(body), options

    async def _posted(
        self, file: Path, question: _Question, model: models.Model, options: dict[str, Any]
    ) -> bytes:
        """The body of the answer to one request. Raises ItemProblem, OptionRefused."""
        try:
            answer = await self._client.audio.transcriptions.with_raw_response.create(
                file=file,  # with a real name: the format is taken from it
                model=model.name,
                language=question.language or self._language or omit,
                timeout=patience(question.part),
                **options,
            )
        except openai.APIError as error:
            log.warning("engine.refused", **_facts(error))
            raise problem_of(error, options, has_ended=self._models.has_ended(model)) from None
        except httpx2.HTTPError as error:
            raise Transient(ENGINE_UNAVAILABLE) from error
        return bytes(answer.content)

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.name}, {self.model})"


def patience(part: PartAudio) -> httpx2.Timeout:
    """How long an answer to a part is waited for."""
    wait = min(_LEAST_WAIT + part.seconds * _PER_SECOND, _MOST_WAIT)
    return httpx2.Timeout(wait, connect=_CONNECT, write=_WRITE)


async def _speech(part: PartAudio, answer: Answer) -> float | None:
    """Seconds of speech in the part, where the answer's own scores say nothing about what to believe."""
    if answer.has_scores or not answer.text.strip():
        return part.speech
    if part.speech is not None:
        return part.speech
    return await asyncio.to_thread(speech_seconds, part.audio, part.part)


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
