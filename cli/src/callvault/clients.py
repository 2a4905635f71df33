"""HTTP clients of the gateway and of the sandbox."""

import ssl
from typing import Any

import httpx

_HERE = ("127.0.0.1", "localhost", "::1")


def http_client(address: str, **settings: Any) -> httpx.AsyncClient:
    """A client for one address, with httpx's own settings. Proxies are for addresses elsewhere.

    The certificates of all authorities are read only for an https address: it takes longer than most commands.
    A client of another address trusts none, and so goes to no https one that it may be sent to.
    """
    url = httpx.URL(address)
    elsewhere = url.host not in _HERE
    trusted = url.scheme == "https" or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(base_url=url, trust_env=elsewhere, verify=trusted, **settings)
