"""Where everything of Fathom stands. `/fathom` is api.fathom.ai, `/fathom-video` is fathom.video."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.fathom import auth, downloads, meetings, webhooks
from sandbox.routes import route

V1 = "/fathom/external/v1"
VIDEO = "/fathom-video/external/v1"

ROUTES: list[BaseRoute] = [
    *(
        route("fathom.authorize", f"{at}/oauth2/authorize", auth.on_authorize, ["GET", "POST"])
        for at in (V1, VIDEO)
    ),
    *(route("fathom.token", f"{at}/oauth2/token", auth.on_token, ["POST"]) for at in (V1, VIDEO)),
    route("fathom.meetings", f"{V1}/meetings", meetings.on_meetings),
    route("fathom.transcript", f"{V1}/recordings/{{id}}/transcript", meetings.on_transcript),
    route("fathom.summary", f"{V1}/recordings/{{id}}/summary", meetings.on_summary),
    route("fathom.download", f"{V1}/recordings/{{id}}/download", downloads.on_download, ["POST"]),
    route("fathom.download_poll", f"{V1}/recordings/{{id}}/downloads/{{download}}", downloads.on_poll),
    route("fathom.media", "/fathom/media/{download}.m4a", downloads.on_media),
    route("fathom.webhook_create", f"{V1}/webhooks", webhooks.on_create, ["POST"]),
    route("fathom.webhook_delete", f"{V1}/webhooks/{{id}}", webhooks.on_delete, ["DELETE"]),
    *(
        route(f"fathom.{kind}", f"{V1}/{kind}", meetings.on_people)
        for kind in ("teams", "team_members", "meeting_types", "users")
    ),
]
