"""Which model is asked: the configured one, and its successor from the day on which it is gone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import structlog

from transcriber.engines import models
from transcriber.engines.refusals import ModelGone

_SOON = timedelta(days=120)

log = structlog.get_logger()


class Succession:
    """A model and those that may follow it. `successor` goes before the table's."""

    def __init__(self, configured: str, successor: str | None, *, own_server: bool) -> None:
        self._own_server = own_server
        self._successor = successor
        self._configured = models.find(configured, own_server=own_server)
        self.current = self._configured

    def replace(self, model: models.Model, gone: ModelGone) -> None:
        """Go over from a model that is gone, once. Raises `gone` where none follows, or it may still be there.

        Where the last one is gone too, the configured one is asked again next time: then it is more
        likely that the account lost its rights.
        """
        if self.current is not model:
            return  # another part has found out before
        following = self._following(model, is_certain=gone.is_certain)
        if following is None:
            self.current = self._configured
            raise gone
        log.warning("engine.model_replaced", model=model.name, successor=following.name)
        self.current = following

    def _following(self, model: models.Model, *, is_certain: bool) -> models.Model | None:
        name = None
        if self._successor and model is self._configured:
            name = self._successor
        elif is_certain:
            name = model.successor
        if name is None or name in (model.name, self._configured.name):
            return None
        return models.find(name, own_server=self._own_server)

    def replaced_by(self, model: models.Model) -> str | None:
        """The configured model's name where this one answers in its place."""
        return None if model is self._configured else self._configured.name

    def has_ended(self, model: models.Model) -> bool:
        """Whether the day has come that OpenAI announced. It binds no server of one's own."""
        return model.ends is not None and _today() >= model.ends and not self._own_server

    def notice(self) -> str | None:
        """What an operator should know about the model; None most of the time."""
        configured = self._configured
        if self.current is not configured:
            return f"{configured.name} is gone: {self.current.name} answers in its place"
        if configured.ends is None or configured.ends - _today() > _SOON or self._own_server:
            return None
        following = self._successor or configured.successor
        return f"{configured.name} ends on {configured.ends}" + (
            f": {following} takes over by itself" if following else ""
        )


def _today() -> date:
    return datetime.now(UTC).date()
