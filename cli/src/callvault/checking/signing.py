"""Signing webhooks, well and badly, by the scheme of the source's manifest."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

from pipeline_contracts import WebhookScheme

Flaw = Literal["none", "wrong", "stale", "malformed", "missing"]
_OLD = 3600  # seconds


@dataclass(frozen=True)
class Signer:
    """A scheme and a secret."""

    scheme: WebhookScheme
    secret: str = field(repr=False)

    def headers(self, body: bytes, flaw: Flaw = "none") -> dict[str, str]:
        """The headers of a delivery with an id of its own."""
        moment = str(int(time.time()) - (_OLD if flaw == "stale" else 0))
        secret = secrets.token_hex(16) if flaw == "wrong" else self.secret
        if self.scheme.kind == "standard_webhooks":
            return _standard(secret, body, moment, flaw)
        return self._hmac(secret, body, moment, flaw)

    def _hmac(self, secret: str, body: bytes, moment: str, flaw: Flaw) -> dict[str, str]:
        scheme = self.scheme
        before, _, after = scheme.template.replace("{timestamp}", moment).partition("{body}")
        digest = hmac.digest(secret.encode(), before.encode() + body + after.encode(), "sha256")
        text = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
        headers = {scheme.signature_header or "": _flawed(scheme.prefix, text, flaw)}
        if scheme.timestamp_header:
            headers[scheme.timestamp_header] = moment
        if scheme.id_header:
            headers[scheme.id_header] = secrets.token_hex(8)
        return _without_empty(headers)


def _standard(secret: str, body: bytes, moment: str, flaw: Flaw) -> dict[str, str]:
    delivery = f"msg_{secrets.token_hex(8)}"
    key = secret.encode() if flaw == "wrong" else base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{delivery}.{moment}.".encode() + body, "sha256")
    signature = _flawed("v1,", base64.b64encode(digest).decode(), flaw)
    return _without_empty({"webhook-id": delivery, "webhook-timestamp": moment, "webhook-signature": signature})


def _flawed(prefix: str, text: str, flaw: Flaw) -> str:
    if flaw == "malformed":
        return f"{prefix}%%{text[:9]}"
    return "" if flaw == "missing" else prefix + text


def _without_empty(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name and value}
