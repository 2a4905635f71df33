"""The ring of keys under which webhook secrets lie in the database; the first one encrypts."""

from __future__ import annotations

import json
from collections.abc import Iterable

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

log = structlog.get_logger()


class WebhookKeys:
    """Opens webhook secrets, stored as `{"secret": "..."}`; without keys none. ValueError: a bad key."""

    def __init__(self, keys: SecretStr | None) -> None:
        words = [word.strip() for word in keys.get_secret_value().split(",")] if keys else []
        self._ring = MultiFernet([Fernet(word) for word in words if word]) if any(words) else None

    def open_all(self, encrypted: Iterable[bytes]) -> list[str]:
        """The secrets that can be opened, in order."""
        opened = []
        for one in encrypted:
            try:
                if self._ring is not None:
                    opened.append(str(json.loads(self._ring.decrypt(one))["secret"]))
            except (InvalidToken, ValueError, KeyError, TypeError):
                log.error("webhook_secret.not_opened")  # noqa: TRY400 - nothing more may be told of it
        return opened
