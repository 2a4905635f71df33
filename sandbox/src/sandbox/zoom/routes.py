"""Where everything of Zoom stands. `/zoom` is zoom.us and api.zoom.us, the second host keeps the files."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.routes import route
from sandbox.zoom import auth, downloads, recordings

ROUTES: list[BaseRoute] = [
    route("zoom.authorize", "/zoom/oauth/authorize", auth.on_authorize, ["GET", "POST"]),
    route("zoom.token", "/zoom/oauth/token", auth.on_token, ["POST"]),
    route("zoom.revoke", "/zoom/oauth/revoke", auth.on_revoke, ["POST"]),
    route("zoom.user", "/zoom/v2/users/{id}", auth.on_me),
    route("zoom.list", "/zoom/v2/users/{id}/recordings", recordings.on_list),
    # A UUID may hold slashes; the handler reads it from the raw path.
    route("zoom.meeting", "/zoom/v2/meetings/{id:path}/recordings", recordings.on_meeting),
    route("zoom.transcript", "/zoom/v2/meetings/{id:path}/transcript", recordings.on_transcript),
    route("zoom.download", "/zoom/rec/download/{file}", downloads.on_download),
]

STORAGE_ROUTES: list[BaseRoute] = [
    route("zoom.storage", "/zoom-storage/{name}", downloads.on_storage),
]
