"""Whether a webhook comes from whom it says: by the scheme in the source's manifest, on the raw bytes.

Whatever a hostile sender puts into the headers ends in NotGenuine, never in another error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from standardwebhooks import Webhook, WebhookVerificationError

from pipeline_contracts import WebhookScheme

_TIME = re.compile(r"[0-9]{1,16}")
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_MILLISECONDS_FROM = 100_000_000_000
"""A time this large is in milliseconds: in seconds it would be the year 5138."""
SIGNATURES_AT_MOST = 10


@dataclass(frozen=True)
class Genuine:
    """A delivery that was verified: its id, by which a repetition is known, and the secret that fits."""

    delivery: str
    secret: str = field(repr=False)


class NotGenuine(Exception):
    """The signature is missing, malformed, of another secret, or too old. `reason` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def verify(scheme: WebhookScheme, secrets: Sequence[str], body: bytes, headers: Mapping[str, str]) -> Genuine:
    """Check a delivery; any one of the secrets is enough. Raises NotGenuine."""
    if scheme.kind == "standard_webhooks":
        return _verify_standard(secrets, body, headers)
    return _verify_hmac(scheme, secrets, body, headers)


def _verify_standard(secrets: Sequence[str], body: bytes, headers: Mapping[str, str]) -> Genuine:
    delivery = headers.get("webhook-id", "")
    if not _ID.fullmatch(delivery) or not _TIME.fullmatch(headers.get("webhook-timestamp", "")):
        raise NotGenuine("malformed")
    _require_recent(headers["webhook-timestamp"], 300)
    # One by one: the library gives up at the first that is malformed, though the next may be right.
    signatures = headers.get("webhook-signature", "").split()[:SIGNATURES_AT_MOST]
    for secret in secrets:
        for signature in signatures:
            if _is_standard(secret, body, {**headers, "webhook-signature": signature}):
                return Genuine(delivery, secret)
    raise NotGenuine("wrong_signature")


def _is_standard(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError, RuntimeError):  # binascii.Error and bytes that are no text
        return False
    return True


def _verify_hmac(
    scheme: WebhookScheme, secrets: Sequence[str], body: bytes, headers: Mapping[str, str]
) -> Genuine:
    given = _given(scheme, headers)
    content = _content(scheme, body, headers)
    fitting = [secret for secret in secrets if hmac.compare_digest(_digest(content, secret), given)]
    if not fitting:
        raise NotGenuine("wrong_signature")
    if scheme.id_header:
        delivery = headers.get(scheme.id_header.lower(), "")
        if _ID.fullmatch(delivery):
            # The id is not signed: with the body beside it, nobody can hide one delivery behind another's.
            return Genuine(f"{delivery}:{hashlib.sha256(body).hexdigest()[:32]}", fitting[0])
    return Genuine(hashlib.sha256(content).hexdigest(), fitting[0])


def _given(scheme: WebhookScheme, headers: Mapping[str, str]) -> bytes:
    text = headers.get((scheme.signature_header or "").lower(), "")
    if not text.startswith(scheme.prefix) or len(text) > 500:
        raise NotGenuine("malformed")
    read: Callable[[str], bytes] = (
        bytes.fromhex if scheme.encoding == "hex" else partial(base64.b64decode, validate=True)
    )
    try:
        return read(text.removeprefix(scheme.prefix))
    except ValueError:
        raise NotGenuine("malformed") from None


def _content(scheme: WebhookScheme, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes that were signed, from a template with `{timestamp}` and `{body}`."""
    template = scheme.template
    if scheme.timestamp_header:
        timestamp = headers.get(scheme.timestamp_header.lower(), "")
        if not _TIME.fullmatch(timestamp):
            raise NotGenuine("malformed")
        _require_recent(timestamp, scheme.tolerance)
        template = template.replace("{timestamp}", timestamp)
    before, _, after = template.partition("{body}")
    return before.encode() + body + after.encode()


def _digest(content: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), content, "sha256")


def hex_hmac(secret: str, text: str) -> str:
    """The HMAC-SHA256 of a text, in hex: the answer to a challenge."""
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()


def _require_recent(timestamp: str, tolerance: int) -> None:
    seconds = int(timestamp)
    if seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    if abs(time.time() - seconds) > tolerance:
        raise NotGenuine("stale")
