"""A way out for libraries of a source that block, and bring their own addresses and no time-outs.

    with LibrarySession("https://www.youtube.com", http.urls["api"]) as session:   # in a thread
        YouTubeTranscriptApi(http_client=session).list(video)
    session.pages["player"]                        # the text of what came, by the end of its path

Made for one call and thread: `requests` sessions are not for several. It needs `requests`, which such
a library brings along.
"""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

TIMEOUT = (5.0, 10.0)
"""Seconds until there is a connection, and without a byte."""


class LibrarySession(Session):
    """Requests to the address `real` go to `base`, the one in use. Raises what `requests` raises."""

    def __init__(self, real: str, base: str) -> None:
        super().__init__()
        self.pages: dict[str, str] = {}
        way = _Way(real, base, self.pages)
        self.mount("https://", way)
        self.mount("http://", way)


class _Way(HTTPAdapter):
    def __init__(self, real: str, base: str, pages: dict[str, str]) -> None:
        super().__init__()
        self._real, self._base, self._pages = real, base, pages

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Cookies and headers are as for the real address: only the way is another."""
        if self._base != self._real:
            request.url = (request.url or "").replace(self._real, self._base, 1)
        answer = super().send(request, *args, **kwargs | {"timeout": TIMEOUT})
        if answer.ok:
            path = (request.url or "").partition("?")[0]
            self._pages[path.rpartition("/")[2]] = answer.text
        return answer
