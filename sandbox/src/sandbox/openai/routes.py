"""Where everything of OpenAI stands. `/openai` is api.openai.com."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sandbox.openai import models, transcriptions
from sandbox.routes import route

ROUTES: list[BaseRoute] = [
    route("openai.transcriptions", "/openai/v1/audio/transcriptions", transcriptions.on_transcribe, ["POST"]),
    route("openai.models", "/openai/v1/models", models.on_models),
    route("openai.model", "/openai/v1/models/{model}", models.on_model),
]
