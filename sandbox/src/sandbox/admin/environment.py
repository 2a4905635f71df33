"""What a client of the providers is told so that it asks a world instead: addresses and an application.

Nothing in here is a secret of anybody's; the names are those by which the clients read their environment.
"""

from __future__ import annotations

from sandbox.world import World

_ADDRESSES = {
    "FATHOM_API_URL": "/fathom/external/v1",
    "FATHOM_AUTHORIZE_URL": "/fathom-video/external/v1/oauth2/authorize",
    "FATHOM_TOKEN_URL": "/fathom-video/external/v1/oauth2/token",
    "ZOOM_API_URL": "/zoom/v2",
    "ZOOM_AUTHORIZE_URL": "/zoom/oauth/authorize",
    "ZOOM_TOKEN_URL": "/zoom/oauth/token",
    "ZOOM_REVOKE_URL": "/zoom/oauth/revoke",
    "YOUTUBE_API_URL": "/youtube",
}
ZOOM_WEBHOOK_SECRET = "sandbox-webhook-secret"  # noqa: S105  a stand-in's


def environment(world: World) -> dict[str, str]:
    """Names and values."""
    told = {name: world.base + path for name, path in _ADDRESSES.items()}
    for provider, server in world.oauth.items():
        app = server.apps["sandbox-client"]
        told |= {f"{provider.upper()}_CLIENT_ID": app.client_id}
        told |= {f"{provider.upper()}_CLIENT_SECRET": app.client_secret}
    return told | {"ZOOM_WEBHOOK_SECRET": ZOOM_WEBHOOK_SECRET}
