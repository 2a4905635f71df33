"""The key ring: what it stores, what is sealed to it, and how keys are changed."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.fernet import Fernet
from nacl.public import PublicKey, SealedBox

from pipeline_runtime.connectors.keys import KeyRing, Undecipherable

SECRET = {"access_token": "a-token", "renew_at": 1.5}


def key() -> str:
    return Fernet.generate_key().decode()


def sealed(ring: KeyRing, secret: dict[str, str]) -> bytes:
    return bytes(SealedBox(PublicKey(base64.b64decode(ring.public_key))).encrypt(json.dumps(secret).encode()))


def test_a_secret_comes_back_and_is_not_to_be_seen_in_between() -> None:
    ring = KeyRing(key())
    stored = ring.encrypt(SECRET)
    assert b"a-token" not in stored
    assert ring.decrypt(stored) == SECRET


def test_a_new_key_in_front_reads_what_was_stored_and_sealed_before() -> None:
    old, new = key(), key()
    before, after = KeyRing(old), KeyRing(f"{new}, {old}")
    assert after.decrypt(before.encrypt(SECRET)) == SECRET
    assert after.unseal(sealed(before, {"code": "c"})) == {"code": "c"}
    assert after.public_key == KeyRing(new).public_key != before.public_key


def test_a_rotated_secret_no_longer_needs_the_old_key() -> None:
    old, new = key(), key()
    stored = KeyRing(f"{new},{old}").rotated(KeyRing(old).encrypt(SECRET))
    assert KeyRing(new).decrypt(stored) == SECRET


def test_a_foreign_key_opens_nothing() -> None:
    ring, other = KeyRing(key()), KeyRing(key())
    with pytest.raises(Undecipherable):
        other.decrypt(ring.encrypt(SECRET))
    with pytest.raises(Undecipherable):
        other.rotated(ring.encrypt(SECRET))
    for bad in (sealed(ring, {"code": "c"}), b"", b"junk" * 20):
        with pytest.raises(Undecipherable):
            other.unseal(bad)


@pytest.mark.parametrize("bad", ["", " , ", "short", "not base64!"])
def test_what_is_no_key_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        KeyRing(bad)
    assert not bad.strip(" ,") or bad not in str(caught.value)
