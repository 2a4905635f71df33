"""Playlists: the page, the API behind it, the public feed."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.answers import Refused
from sandbox.meetings.catalogue import Meeting
from sandbox.routes import world_of
from sandbox.youtube.blocks import blocked
from sandbox.youtube.pages import KEY, REAL
from sandbox.youtube.videos import CHANNEL, CHANNEL_ID, author, playlist, published

FEED_LENGTH = 15  # the public feed shows no more


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


async def on_browse(request: Request) -> Response:
    """POST /youtubei/v1/browse: the same data for clients that ask the API, by `VL` and the playlist's id."""
    if refusal := blocked(request, "playlist"):
        return refusal
    name = str(json.loads(await request.body()).get("browseId", "")).removeprefix("VL")
    found = playlist(world_of(request), name)
    return JSONResponse(_missing() if found is None else _initial(name, found))


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
