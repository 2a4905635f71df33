"""Sealing: what users hand in for a source is encrypted to its connectors, and cannot be read here again."""

from __future__ import annotations

import base64
import binascii
import json

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from ingest_gateway.problems import SOURCE_NOT_RUNNING
from pipeline_contracts import ConnectorManifest


def seal(manifest: ConnectorManifest, secret: dict[str, str]) -> bytes:
    """The secret as JSON, sealed to the manifest's key. Raises source_not_running where that is none."""
    try:
        key = PublicKey(base64.b64decode(manifest.public_key, validate=True))
    except (CryptoError, binascii.Error, ValueError, TypeError):
        raise SOURCE_NOT_RUNNING.error(f"{manifest.name} has no key to seal secrets to.") from None
    return bytes(SealedBox(key).encrypt(json.dumps(secret).encode()))
