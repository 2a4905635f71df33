"""Coming back from a source's consent page, and what its connector then says."""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

from callvault.errors import CallvaultError
from callvault.gateway import Gateway, Source

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.2


async def bring_back(gateway: Gateway, source: str, address: str) -> None:
    """Hand over the address that the source sent the browser to. Raises what it or the gateway refused."""
    query = urlsplit(address.strip()).query
    if not parse_qs(query).get("state"):
        wrong = "This is not the address of the page that you came back to."
        raise CallvaultError("wrong_address", wrong, "Copy it whole from the browser, and try again.")
    location = await gateway.come_back(source, query.encode())
    if error := parse_qs(urlsplit(location).query).get("connect_error"):
        attempt = (await gateway.source(source)).attempt
        message = attempt.message if attempt and attempt.reason == error[0] else ""
        raise CallvaultError(error[0], message or "It could not be connected. Try again.")


async def until_connected(gateway: Gateway, source: str, attempt: str) -> Source | None:
    """The card once the connector has said yes, None where it takes long. Raises what it said instead."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        card = await gateway.source(source)
        if card.attempt is None or card.attempt.id != attempt:  # done ones are not shown any more
            return card
        if card.attempt.status in ("failed", "expired"):
            raise CallvaultError(card.attempt.reason or "failed", card.attempt.message or "It failed.")
        await asyncio.sleep(_LOOK_SECONDS)
    return None
