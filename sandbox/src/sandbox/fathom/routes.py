"""Where everything of Fathom stands. `/fathom` is api.fathom.ai, `/fathom-video` is fathom.video."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from sandbox.fathom import auth, downloads, meetings, webhooks
from sandbox.routes import Handler, route

V1 = "/fathom/external/v1"
VIDEO = "/fathom-video/external/v1"


def limited(name: str, path: str, handler: Handler, method: str = "GET") -> Route:
    """An endpoint whose every answer has rate headers."""
    return route(f"fathom.{name}", path, auth.limited(handler), [method])


ROUTES: list[BaseRoute] = [
    *(
        route("fathom.authorize", f"{at}/oauth2/authorize", auth.on_authorize, ["GET", "POST"])
        for at in (V1, VIDEO)
    ),
    *(limited("token", f"{at}/oauth2/token", auth.on_token, "POST") for at in (V1, VIDEO)),
    limited("meetings", f"{V1}/meetings", meetings.on_meetings),
    limited("transcript", f"{V1}/recordings/{{id}}/transcript", meetings.on_transcript),
    limited("summary", f"{V1}/recordings/{{id}}/summary", meetings.on_summary),
    limited("download", f"{V1}/recordings/{{id}}/download", downloads.on_download, "POST"),
    limited("download_poll", f"{V1}/recordings/{{id}}/downloads/{{download}}", downloads.on_poll),
    route("fathom.media", "/fathom/media/{download}.m4a", downloads.on_media),
    limited("webhook_create", f"{V1}/webhooks", webhooks.on_create, "POST"),
    limited("webhook_delete", f"{V1}/webhooks/{{id}}", webhooks.on_delete, "DELETE"),
    *(
        limited(kind, f"{V1}/{kind}", meetings.on_people)
        for kind in ("teams", "team_members", "meeting_types", "users")
    ),
]
