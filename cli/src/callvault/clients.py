"""HTTP clients of the gateway and of the sandbox."""

from typing import Any

import httpx

_HERE = ("127.0.0.1", "localhost", "::1")


def http_client(address: str, **settings: Any) -> httpx.AsyncClient:
    """A client for one address, with httpx's own settings. Proxies are for addresses elsewhere.

    The certificates of all authorities are read only where they are needed: it takes longer than most commands.
    """
    url = httpx.URL(address)
    elsewhere = url.host not in _HERE
    return httpx.AsyncClient(base_url=url, trust_env=elsewhere, verify=url.scheme == "https", **settings)
