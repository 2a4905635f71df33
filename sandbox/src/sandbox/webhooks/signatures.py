"""Good signatures of both schemes, and every kind of bad one."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from standardwebhooks import Webhook

from sandbox.webhooks.courier import Sign

Signature = Literal["good", "bad", "stale", "future", "malformed", "missing", "two", "ms"]
"""`two` is a bad signature beside the good one (Fathom), `ms` a timestamp in milliseconds (Zoom)."""
STALE = 3600  # seconds


def new_secret() -> str:
    """A secret as Standard Webhooks has them."""
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


def standard(secret: str, message_id: str, kind: Signature) -> Sign:
    """Standard Webhooks: id, timestamp and signatures in three headers."""

    def sign(body: bytes, now: float) -> dict[str, str]:
        at = _moved(now, kind)
        good = _standard(secret, message_id, at, body)
        other = _standard(new_secret(), message_id, at, body)
        signature = {"bad": other, "malformed": "v1,xxx", "two": f"{other} {good}"}.get(kind, good)
        headers = {"webhook-id": message_id, "webhook-timestamp": str(int(at))}
        return headers if kind == "missing" else {**headers, "webhook-signature": signature}

    return sign


def zoom(secret: str, kind: Signature) -> Sign:
    """Zoom's v0 scheme over `v0:{timestamp}:{body}`."""

    def sign(body: bytes, now: float) -> dict[str, str]:
        at = _moved(now, kind)
        stamp = str(int(at * 1000)) if kind == "ms" else str(int(at))
        key = "another secret" if kind == "bad" else secret
        good = "v0=" + hmac.new(key.encode(), f"v0:{stamp}:".encode() + body, sha256).hexdigest()
        headers = {
            "x-zm-request-timestamp": stamp,
            "x-zm-trackingid": f"v=2.0;clid=sb;rid={secrets.token_hex(6)}",
        }
        signature = "v0=not-hex" if kind == "malformed" else good
        return headers if kind == "missing" else {**headers, "x-zm-signature": signature}

    return sign


def _standard(secret: str, message_id: str, at: float, body: bytes) -> str:
    return Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body.decode())


def _moved(now: float, kind: Signature) -> float:
    return now + {"stale": -STALE, "future": STALE}.get(kind, 0)
