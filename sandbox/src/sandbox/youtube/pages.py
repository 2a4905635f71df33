"""The pages about one video: watch, oEmbed, and the sound itself."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.answers import Refused
from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.sound import sound
from sandbox.routes import world_of
from sandbox.youtube import player
from sandbox.youtube.blocks import blocked
from sandbox.youtube.videos import author, find, id_of, mode

KEY = "sandbox-innertube-key"
CONSENT = (
    '<html><body><form action="https://consent.youtube.com/s" method="POST">'
    '<input type="hidden" name="v" value="cb.20260101-00-p0.en+FX+000"></form></body></html>'
)
REAL = "https://www.youtube.com"
EMBED_ERRORS = {
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "not_found": (404, "Not Found"),
}


async def on_watch(request: Request) -> Response:
    """HTML with the key for the player, the player's answer, and the sound as a <video>."""
    if refusal := blocked(request, "watch"):
        return refusal
    if page := _consent(request):
        return page
    world, video = world_of(request), request.query_params.get("v", "")
    if world.settings.youtube.webpage == "changed":
        return HTMLResponse("<html><body>Nothing here is where it was.</body></html>")
    meeting, answer = find(world, video), player.response(world, video)
    title = escape(meeting.title) if meeting else "YouTube"
    formats = answer.get("streamingData", {}).get("adaptiveFormats", [])
    sounds = "".join(f'<video src="{escape(each["url"])}" type="video/mp4"></video>' for each in formats)
    text = f"""<!doctype html><html lang="en"><head><title>{title} - YouTube</title>
<meta property="og:title" content="{title}"></head><body>
<script>ytcfg.set({{"INNERTUBE_API_KEY": "{KEY}", "INNERTUBE_CONTEXT_CLIENT_NAME": 1}});</script>
<script>var ytInitialPlayerResponse = {json.dumps(answer)};</script>
<script>var ytInitialData = {json.dumps(around(meeting))};</script>{sounds}</body></html>"""
    return HTMLResponse(text)


def around(meeting: Meeting | None) -> dict[str, Any]:
    """What stands beside the player: a title, no recommendations."""
    title = {"runs": [{"text": meeting.title}]} if meeting else {}
    rows = [{"videoPrimaryInfoRenderer": {"title": title}}]
    return {"contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": rows}}}}}


async def on_next(request: Request) -> Response:
    """POST /youtubei/v1/next: the same for clients that ask the API."""
    video = str(json.loads(await request.body()).get("videoId", ""))
    return JSONResponse(around(find(world_of(request), video)))


def _consent(request: Request) -> Response | None:
    """The page between a European and the video: goes away with its cookie, or never."""
    choice = world_of(request).settings.youtube.consent_page
    given = request.cookies.get("CONSENT", "").startswith("YES+")
    return HTMLResponse(CONSENT) if choice == "always" or (choice == "once" and not given) else None


async def on_oembed(request: Request) -> Response:
    """Title and author without a key. Errors are words and no JSON."""
    if refusal := blocked(request, "oembed"):
        return refusal
    url = request.query_params.get("url", "")
    if url.startswith("http://www.youtube.com"):
        raise Refused(403, "Forbidden")
    video = id_of(url)
    if video is None:
        raise Refused(400, "Bad Request")
    world = world_of(request)
    meeting = find(world, video)
    if meeting is None or mode(world, meeting) == "unavailable":
        raise Refused(404, "Not Found")
    if meeting.oembed == "forbidden_200":
        return Response("Forbidden", 200, media_type="text/html")
    choice = "forbidden" if meeting.mode == "private" else meeting.oembed
    if choice in EMBED_ERRORS:
        raise Refused(*EMBED_ERRORS[choice])
    return JSONResponse(_embed(meeting))


def _embed(meeting: Meeting) -> dict[str, Any]:
    frame = f'<iframe width="200" height="113" src="{REAL}/embed/{meeting.video}?feature=oembed"></iframe>'
    return {
        "title": meeting.title, "author_name": author(meeting), "author_url": f"{REAL}/@larkfieldtalks",
        "type": "video", "height": 113, "width": 200, "version": "1.0", "provider_name": "YouTube",
        "provider_url": f"{REAL}/", "thumbnail_height": 360, "thumbnail_width": 480,
        "thumbnail_url": f"https://i.ytimg.com/vi/{meeting.video}/hqdefault.jpg", "html": frame,
    }  # fmt: skip


async def on_sound(request: Request) -> Response:
    """The M4A, whole or the range that was asked for."""
    if refusal := blocked(request, "audio"):
        return refusal
    meeting = find(world_of(request), request.query_params.get("id", ""))
    if meeting is None or "streamingData" not in player.response(world_of(request), meeting.video):
        raise Refused(403, "")
    body = sound(meeting.audio, "m4a")
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    headers = {"accept-ranges": "bytes"}
    if wanted is None:
        return Response(body, media_type="audio/mp4", headers=headers)
    begin, end = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
    headers["content-range"] = f"bytes {begin}-{end}/{len(body)}"
    return Response(body[begin : end + 1], 206, headers, "audio/mp4")
