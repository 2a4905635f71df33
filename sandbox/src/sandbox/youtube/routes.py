"""Where everything of YouTube stands. `/youtube` is www.youtube.com."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.routes import route
from sandbox.youtube import captions, pages, player, playlists

ROUTES: list[BaseRoute] = [
    route("youtube.watch", "/youtube/watch", pages.on_watch),
    route("youtube.player", "/youtube/youtubei/v1/player", player.on_player, ["POST"]),
    route("youtube.timedtext", "/youtube/api/timedtext", captions.on_timedtext),
    route("youtube.oembed", "/youtube/oembed", pages.on_oembed),
    route("youtube.playlist", "/youtube/playlist", playlists.on_playlist),
    route("youtube.feed", "/youtube/feeds/videos.xml", playlists.on_feed),
    route("youtube.browse", "/youtube/youtubei/v1/browse", playlists.on_browse, ["POST"]),
    route("youtube.next", "/youtube/youtubei/v1/next", pages.on_next, ["POST"]),
    route("youtube.audio", "/youtube/videoplayback", pages.on_sound),
]
