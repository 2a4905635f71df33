"""Links that users paste: which source takes each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from pipeline_contracts import ConnectorManifest

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


def clean_link(text: str) -> str | None:
    """The link with its scheme; None where it is none that a browser would open, or carries a password."""
    text = text.strip()
    if _UNSAFE.search(text):
        return None
    link = text if _SCHEME.match(text) else f"https://{text}"
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        return None
    is_plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return link if is_plain else None


def find_taker(link: str, manifests: Iterable[ConnectorManifest]) -> ConnectorManifest | None:
    """The source that takes links of this host or of a host below it."""
    host = (urlsplit(link).hostname or "").rstrip(".").lower()
    for manifest in manifests:
        if "url" in manifest.connect and any(_is_at(host, known.lower()) for known in manifest.link_hosts):
            return manifest
    return None


def _is_at(host: str, known: str) -> bool:
    return host == known or host.endswith(f".{known}")
