"""How YouTube answers, as far as its connector asks: for `callvault connector check youtube`.

Nobody signs in: all of it is public. Captions come in three steps: the watch page, the player, the timed text.
"""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from callvault.provider import AskedByAnybody, Call, Provider

GONE = {"playabilityStatus": {"status": "ERROR", "reason": "This video is unavailable"}}


def video(call: Call) -> str:
    """Eleven characters."""
    return f"{call.number:011}"


def link(call: Call) -> str:
    """As the address bar has it."""
    return f"https://www.youtube.com/watch?v={video(call)}"


def oembed(asked: AskedByAnybody) -> Any:
    """The title, without a key."""
    query = parse_qs(urlsplit(asked.query["url"]).query)
    call = asked.call(query["v"][0])
    return "Not Found" if call is None else {"title": call.title, "author_name": "Harbour Talks"}


def watch(asked: AskedByAnybody) -> str:
    """The page: a key for the player, and when the video was made public. It comes for what is gone, too."""
    call = asked.call(asked.query["v"])
    published = "" if call is None else f'"publishDate":"{call.started_at.isoformat()}"'
    return f'<html><script>ytcfg.set({{"INNERTUBE_API_KEY": "a-public-key", {published}}});</script></html>'


def player(asked: AskedByAnybody) -> Any:
    """Whether it plays, and which captions there are."""
    call = asked.call(asked.body["videoId"])
    if call is None:
        return GONE
    track = {
        "baseUrl": f"{asked.address}/timedtext?v={video(call)}&lang=en&fmt=srv3",
        "name": {"runs": [{"text": "English"}]}, "vssId": ".en", "languageCode": "en", "isTranslatable": False,
    }  # fmt: skip
    seconds = (call.ended_at - call.started_at).total_seconds()
    return {
        "playabilityStatus": {"status": "OK"},
        "videoDetails": {
            "videoId": video(call), "title": call.title, "author": "Harbour Talks", "lengthSeconds": f"{seconds:.0f}",
        },
        "captions": {"playerCaptionsTracklistRenderer": {"captionTracks": [track], "translationLanguages": []}},
    }  # fmt: skip


def timedtext(asked: AskedByAnybody) -> str:
    """The captions. How long a line stays on the screen is longer than it is spoken."""
    call = asked.call(asked.query["v"])
    lines = () if call is None else call.lines
    rows = (
        f'<text start="{one.start}" dur="{one.end - one.start + 2}">{escape(escape(one.text))}</text>'
        for one in lines
    )
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{"".join(rows)}</transcript>'


PROVIDER = Provider(
    id=video,
    link=link,
    public={
        "GET /oembed": oembed,
        "GET /watch": watch,
        "POST /youtubei/v1/player": player,
        "GET /timedtext": timedtext,
    },
)
