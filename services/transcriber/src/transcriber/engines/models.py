"""What each model can do, in one table. A model that is not in it is taken for a server's own Whisper.

Sources: OpenAI's API reference and deprecations page, https://developers.openai.com/api/docs/deprecations,
and its price list. Prices in US dollars for a minute of sound, as far as they are published: those billed
in tokens are what a minute of speech comes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from transcriber.engines.engine import Caps

Form = Literal["verbose_json", "diarized_json", "json"]

_MOST_BYTES = 24 * 1024 * 1024  # OpenAI takes 25 MiB, with the request around the file
_MOST_SECONDS = 1400.0
_END_OF_2026_MODELS = date(2027, 2, 26)
_PART, _LONG_PART = 300.0, 1200.0


@dataclass(frozen=True)
class Model:
    """A row of the table.

    `forms` are the answers it gives, the richest first. `prompts` and `keywords`: how it is told an
    owner's terms. `words`: it can tell when each word was said. `speakers`: it tells them apart, and
    takes clips of known voices. From `ends` on the provider answers no more; `successor` takes over.
    """

    name: str
    forms: tuple[Form, ...] = ("verbose_json", "json")
    max_bytes: int | None = None
    max_seconds: float | None = None
    part_seconds: float = _PART
    words: bool = False
    speakers: bool = False
    prompts: bool = True
    keywords: bool = False
    dollars_per_minute: float | None = None
    ends: date | None = None
    successor: str | None = None

    @property
    def caps(self) -> Caps:
        """What it takes in one call."""
        return Caps(self.max_bytes, self.max_seconds, self.part_seconds)


DEFAULT = "whisper-1"
"""OpenAI's, and the name that most servers of one's own answer to."""

_TABLE = (
    Model("whisper-1", words=True, dollars_per_minute=0.006, max_bytes=_MOST_BYTES,
          ends=_END_OF_2026_MODELS, successor="gpt-transcribe"),
    Model("gpt-4o-transcribe", forms=("json",), dollars_per_minute=0.006, max_bytes=_MOST_BYTES,
          max_seconds=_MOST_SECONDS, ends=_END_OF_2026_MODELS, successor="gpt-transcribe"),
    Model("gpt-4o-mini-transcribe", forms=("json",), dollars_per_minute=0.003, max_bytes=_MOST_BYTES,
          max_seconds=_MOST_SECONDS, ends=_END_OF_2026_MODELS, successor="gpt-transcribe"),
    Model("gpt-4o-transcribe-diarize", forms=("diarized_json", "json"), speakers=True, prompts=False,
          dollars_per_minute=0.006, max_bytes=_MOST_BYTES, max_seconds=_MOST_SECONDS,
          part_seconds=_LONG_PART, ends=_END_OF_2026_MODELS, successor="gpt-transcribe"),
    Model("gpt-transcribe", forms=("json",), keywords=True, dollars_per_minute=0.0045,
          max_bytes=_MOST_BYTES),
)  # fmt: skip
MODELS = {model.name: model for model in _TABLE}


def find(name: str, *, own_server: bool = False) -> Model:
    """The table's row, or one for a model that we do not know.

    A server of one's own says by itself what is too large for it; other people's models have OpenAI's cap.
    """
    known = MODELS.get(name)
    if known is not None:
        return known
    return Model(name, max_bytes=None if own_server else _MOST_BYTES)
