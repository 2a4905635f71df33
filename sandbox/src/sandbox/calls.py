"""The log of what was asked of a world, so that tests can count."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from typing import Any

from starlette.requests import Request

SECRET = {"access_token", "code", "client_secret", "refresh_token", "key", "signature", "code_verifier"}
KEPT = 20_000


@dataclass
class Call:
    """One request. `user` is who the token or key belongs to; `status` 599 is a cut connection."""

    n: int
    endpoint: str
    method: str
    path: str
    query: dict[str, str]
    user: str | None
    authorization: bool  # whether a token or key came along
    at: float = field(default_factory=time.time)
    status: int = 0
    seconds: float = 0.0
    fault: list[str] = field(default_factory=list)
    note: str = ""  # a token call's grant type, a transcription's model


class CallLog:
    """Calls in the order they came."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.count = 0

    def begin(self, endpoint: str, request: Request, user: str | None) -> Call:
        """Note a request before it is answered. Secrets in the query are masked."""
        self.count += 1
        query = {k: "***" if k in SECRET else v for k, v in request.query_params.items()}
        carried = "authorization" in request.headers or "x-api-key" in request.headers
        call = Call(self.count, endpoint, request.method, request.url.path, query, user, carried)
        self.calls.append(call)
        del self.calls[:-KEPT]
        return call

    def find(self, endpoint: str = "*", user: str | None = None, after: int = 0) -> list[Call]:
        """Calls of an endpoint (`zoom.download`, `fathom.*`), of one user, after number `after`."""
        return [
            call
            for call in self.calls
            if call.n > after and fnmatch(call.endpoint, endpoint) and user in (None, call.user)
        ]

    def report(self, **wanted: Any) -> dict[str, Any]:
        """The found calls, and how many there are of each endpoint, status and note."""
        found = self.find(**wanted)
        return {
            "last": self.count,
            "counts": Counter(call.endpoint for call in found),
            "statuses": Counter(f"{call.endpoint} {call.status}" for call in found),
            "notes": Counter(f"{call.endpoint} {call.note}" for call in found if call.note),
            "calls": [asdict(call) for call in found],
        }
