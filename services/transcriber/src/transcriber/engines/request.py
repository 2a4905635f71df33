"""What a request says besides the sound: as much as the model takes and the server has not refused."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from transcriber.engines.engine import Hints
from transcriber.engines.models import Form, Model

_PROMPT = 600  # characters of an owner's terms; Whisper reads the last 224 tokens of a prompt
_MOST_SPEAKERS = 4


class Refused:
    """What servers have refused, by model: answers in a form, and options."""

    def __init__(self) -> None:
        self._options: dict[str, set[str]] = defaultdict(set)

    def form(self, model: Model) -> Form | None:
        """The richest answer that may be asked for; None: whatever the server gives."""
        return next((form for form in model.forms if form not in self._options[model.name]), None)

    def takes(self, model: Model, option: str) -> bool:
        """Whether the option was never refused."""
        return option not in self._options[model.name]

    def add(self, model: Model, option: str, sent: dict[str, Any]) -> None:
        """Do without this from now on; of `response_format` without the form that was sent."""
        self._options[model.name].add(sent[option] if option == "response_format" else option)


def options_of(
    model: Model, refused: Refused, *, prompt: str | None, hints: Hints, words: bool
) -> dict[str, Any]:
    """The request's options by name. `words`: the times of words are wanted."""
    form = refused.form(model)
    wanted: dict[str, Any] = {
        "response_format": form,
        "prompt": _prompt(model, form, prompt, hints),
        "keywords": list(hints.vocabulary) if model.keywords else None,
    }
    if form == "verbose_json":
        wanted["timestamp_granularities"] = ["segment", "word"] if words else ["segment"]
    if form == "diarized_json":
        wanted["chunking_strategy"] = "auto"
        known = hints.speakers[:_MOST_SPEAKERS]
        wanted["known_speaker_names"] = [one.name for one in known]
        wanted["known_speaker_references"] = [one.clip for one in known]
    return {name: value for name, value in wanted.items() if value and refused.takes(model, name)}


def _prompt(model: Model, form: Form | None, prompt: str | None, hints: Hints) -> str | None:
    if not model.prompts or form == "diarized_json":
        return None
    terms = () if model.keywords else hints.vocabulary
    return ", ".join([*([prompt] if prompt else []), *fitting(terms)]) or None


def fitting(terms: tuple[str, ...], most: int = _PROMPT) -> list[str]:
    """As many of the first terms as a prompt has room for."""
    found: list[str] = []
    for term in terms:
        most -= len(term) + 2
        if most < 0:
            break
        found.append(term)
    return found
