"""Keys: a ring that encrypts what is stored, and the pair that others seal to, made from the same ring.

The first key encrypts, all decrypt: a new one is put in front, `rotated` brings the old secrets to
it, and then the last one can go.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

_CONTEXT = b"callvault sealing"


class Undecipherable(Exception):
    """None of the keys opens it: a key was taken off the ring too early, or it is not ours."""


class KeyRing:
    """Comma-separated Fernet keys. Raises ValueError for what is no key."""

    def __init__(self, keys: str) -> None:
        words = [word.strip() for word in keys.split(",") if word.strip()]
        if not words:
            raise ValueError("a key ring needs a key")
        try:
            self._ring = MultiFernet([Fernet(word) for word in words])
        except ValueError:
            raise ValueError("a key is 32 random bytes in URL-safe base64") from None
        self._pairs = [PrivateKey(_seed(word)) for word in words]

    @property
    def public_key(self) -> str:
        """What secrets for us are sealed to, in base64."""
        return base64.b64encode(bytes(self._pairs[0].public_key)).decode()

    def encrypt(self, secret: dict[str, Any]) -> bytes:
        """A secret, as it may lie in a table."""
        return self._ring.encrypt(json.dumps(secret).encode())

    def decrypt(self, stored: bytes) -> dict[str, Any]:
        """The secret. Raises Undecipherable."""
        try:
            found: dict[str, Any] = json.loads(self._ring.decrypt(stored))
        except (InvalidToken, ValueError):
            raise Undecipherable from None
        return found

    def rotated(self, stored: bytes) -> bytes:
        """The same secret under the first key. Raises Undecipherable."""
        try:
            return self._ring.rotate(stored)
        except InvalidToken:
            raise Undecipherable from None

    def unseal(self, sealed: bytes) -> dict[str, str]:
        """What was sealed to any of the keys. Raises Undecipherable."""
        for pair in self._pairs:
            try:
                opened: dict[str, str] = json.loads(SealedBox(pair).decrypt(sealed))
            except (CryptoError, ValueError):
                continue
            return opened
        raise Undecipherable


def _seed(word: str) -> bytes:
    return hashlib.blake2b(base64.urlsafe_b64decode(word), digest_size=32, person=_CONTEXT[:16]).digest()
