"""POST /youtubei/v1/player: whether a video plays, its captions, its sound."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.meetings.catalogue import Meeting
from sandbox.meetings.sound import sound
from sandbox.routes import world_of
from sandbox.world import World
from sandbox.youtube.blocks import BOT, blocked
from sandbox.youtube.captions import tracks, translations
from sandbox.youtube.videos import CHANNEL_ID, author, find, mode, published

GONE = {"status": "ERROR", "reason": "This video is unavailable"}
STATUS: dict[str, dict[str, Any]] = {
    "unavailable": GONE,
    "private": {
        "status": "UNPLAYABLE",
        "reason": "Private video",
        "errorScreen": {"playerErrorMessageRenderer": {"subreason": {"runs": [{"text": "Sign in to see it"}]}}},
    },
    "members": {
        "status": "UNPLAYABLE",
        "reason": "Join this channel to get access to members-only content like this video.",
        "errorScreen": {"playerErrorMessageRenderer": {"subreason": {"runs": [{"text": "Members only"}]}}},
    },
    "age": {"status": "LOGIN_REQUIRED", "reason": "This video may be inappropriate for some users."},
    "upcoming": {"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 2 hours."},
    "bot": BOT["playabilityStatus"],
}


async def on_player(request: Request) -> Response:
    """The body names the video."""
    if refusal := blocked(request, "player"):
        return refusal
    try:
        video = str(json.loads(await request.body())["videoId"])
    except (ValueError, KeyError, TypeError):
        error = {"code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}
        return JSONResponse({"error": error}, 400)
    return JSONResponse(response(world_of(request), video, asked=True))


def response(world: World, video: str, *, asked: bool = False) -> dict[str, Any]:
    """The player's answer for a video id, known or not."""
    meeting = find(world, video)
    if meeting is None:
        return {"playabilityStatus": GONE}
    state = mode(world, meeting, asked=asked)
    details = _details(meeting, live=state == "live", upcoming=state == "upcoming")
    if state in STATUS:
        return {
            "playabilityStatus": STATUS[state],
            **({"videoDetails": details} if state == "upcoming" else {}),
        }
    found = tracks(world, meeting) if state not in ("live", "disabled") else []
    body: dict[str, Any] = {
        "playabilityStatus": {"status": "OK", "playableInEmbed": True},
        "videoDetails": details,
    }
    if state != "live":
        body["streamingData"] = {"expiresInSeconds": "21540", "adaptiveFormats": [_format(world, meeting)]}
    if found:
        body["captions"] = {
            "playerCaptionsTracklistRenderer": {"captionTracks": found, "translationLanguages": translations()}
        }
    return body


def _details(meeting: Meeting, *, live: bool, upcoming: bool) -> dict[str, Any]:
    return {
        "videoId": meeting.video,
        "title": meeting.title,
        "lengthSeconds": "0" if live or upcoming else str(int(meeting.seconds)),
        "channelId": CHANNEL_ID,
        "author": author(meeting),
        "shortDescription": f"Recorded {published(meeting)[:10]}.",
        "isLiveContent": live or upcoming,
        **({"isLive": True} if live else {}),
        **({"isUpcoming": True} if upcoming else {}),
        "isPrivate": False,
        "viewCount": "1204",
    }


def _format(world: World, meeting: Meeting) -> dict[str, Any]:
    return {
        "itag": 140,
        "url": f"{world.base}/youtube/videoplayback?id={meeting.video}&itag=140&expire=9999999999",
        "mimeType": 'audio/mp4; codecs="mp4a.40.2"',
        "bitrate": 20_000,
        "contentLength": str(len(sound(meeting.audio, "m4a"))),
        "quality": "tiny",
        "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "audioSampleRate": "16000",
        "audioChannels": 1,
        "approxDurationMs": str(int(meeting.seconds * 1000)),
    }
