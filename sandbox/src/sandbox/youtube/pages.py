"""The pages: watch, playlist, feed, oEmbed, and the sound itself."""

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
from sandbox.youtube.videos import CHANNEL, CHANNEL_ID, author, find, id_of, mode, playlist, published

KEY = "sandbox-innertube-key"
FEED_LENGTH = 15  # the public feed shows no more
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
<script>var ytInitialPlayerResponse = {json.dumps(answer)};</script>{sounds}</body></html>"""
    return HTMLResponse(text)


def _consent(request: Request) -> Response | None:
    """The page between a European and the video: goes away with its cookie, or never."""
    choice = world_of(request).settings.youtube.consent_page
    given = request.cookies.get("CONSENT", "").startswith("YES+")
    return HTMLResponse(CONSENT) if choice == "always" or (choice == "once" and not given) else None


async def on_playlist(request: Request) -> Response:
    """The page of a playlist: its videos stand in ytInitialData."""
    if refusal := blocked(request, "playlist"):
        return refusal
    name = request.query_params.get("list", "")
    found = playlist(world_of(request), name)
    data = _missing() if found is None else _initial(name, found)
    text = f"""<!doctype html><html lang="en"><head><title>Playlist - YouTube</title></head><body>
<script>ytcfg.set({{"INNERTUBE_API_KEY": "{KEY}"}});</script>
<script>var ytInitialData = {json.dumps(data)};</script></body></html>"""
    return HTMLResponse(text)


def _missing() -> dict[str, Any]:
    text = {"runs": [{"text": "The playlist does not exist."}]}
    return {"alerts": [{"alertRenderer": {"type": "ERROR", "text": text}}]}


def _initial(name: str, found: list[Meeting]) -> dict[str, Any]:
    rows = [{"playlistVideoRenderer": _row(meeting, number)} for number, meeting in enumerate(found, 1)]
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": rows}}]}}
    tab = {"tabRenderer": {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [tab]}},
        "metadata": {"playlistMetadataRenderer": {"title": CHANNEL, "playlistId": name}},
        "header": {"playlistHeaderRenderer": {"playlistId": name, "title": {"simpleText": CHANNEL}}},
    }


def _row(meeting: Meeting, number: int) -> dict[str, Any]:
    return {
        "videoId": meeting.video,
        "title": {"runs": [{"text": meeting.title}]},
        "index": {"simpleText": str(number)},
        "lengthSeconds": str(int(meeting.seconds)),
        "isPlayable": meeting.mode == "ok",
        "shortBylineText": {"runs": [{"text": author(meeting)}]},
    }


async def on_feed(request: Request) -> Response:
    """The public Atom feed of a playlist: the first fifteen videos."""
    if refusal := blocked(request, "playlist"):
        return refusal
    name = request.query_params.get("playlist_id", "")
    found = playlist(world_of(request), name)
    if found is None:
        raise Refused(
            404, "<html><title>Error 404 (Not Found)!!1</title></html>", {"content-type": "text/html"}
        )
    entries = "".join(_entry(meeting) for meeting in found[:FEED_LENGTH])
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom">
<id>yt:playlist:{escape(name)}</id><yt:playlistId>{escape(name)}</yt:playlistId>
<yt:channelId>{CHANNEL_ID}</yt:channelId><title>{CHANNEL}</title>{entries}</feed>"""
    return Response(text, media_type="text/xml; charset=UTF-8")


def _entry(meeting: Meeting) -> str:
    return f"""
<entry><id>yt:video:{meeting.video}</id><yt:videoId>{meeting.video}</yt:videoId>
<yt:channelId>{CHANNEL_ID}</yt:channelId><title>{escape(meeting.title)}</title>
<link rel="alternate" href="{REAL}/watch?v={meeting.video}"/>
<author><name>{escape(author(meeting))}</name></author>
<published>{published(meeting)}</published></entry>"""


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
