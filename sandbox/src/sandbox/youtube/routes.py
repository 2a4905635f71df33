"""Where everything of YouTube stands. `/youtube` is www.youtube.com."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.routes import route
from sandbox.youtube import captions, pages, player

ROUTES: list[BaseRoute] = [
    route("youtube.watch", "/youtube/watch", pages.on_watch),
    route("youtube.player", "/youtube/youtubei/v1/player", player.on_player, ["POST"]),
    route("youtube.timedtext", "/youtube/api/timedtext", captions.on_timedtext),
    route("youtube.oembed", "/youtube/oembed", pages.on_oembed),
    route("youtube.playlist", "/youtube/playlist", pages.on_playlist),
    route("youtube.feed", "/youtube/feeds/videos.xml", pages.on_feed),
    route("youtube.audio", "/youtube/videoplayback", pages.on_sound),
]
