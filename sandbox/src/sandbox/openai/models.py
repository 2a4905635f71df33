"""What each model takes and gives, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.openai.errors import authorized, not_found
from sandbox.routes import world_of
from sandbox.world import World

END = date(2027, 2, 26)


@dataclass(frozen=True)
class Model:
    """One row of the table. `capped` models take no more than the longest length of the settings."""

    name: str
    formats: tuple[str, ...]
    capped: bool
    streams: bool
    shutdown: date | None = END
    prompts: bool = True
    words: bool = False
    logprobs: bool = False
    speakers: bool = False
    hints: bool = False  # languages[] and keywords[]
    billed: str = "tokens"


MODELS = {
    model.name: model
    for model in (
        Model(
            "whisper-1", ("json", "text", "srt", "verbose_json", "vtt"), capped=False, streams=False,
            words=True, billed="duration",
        ),
        Model("gpt-4o-transcribe", ("json", "text"), capped=True, streams=True, logprobs=True),
        Model("gpt-4o-mini-transcribe", ("json", "text"), capped=True, streams=True, logprobs=True),
        Model(
            "gpt-4o-transcribe-diarize", ("json", "text", "diarized_json"), capped=True, streams=True,
            prompts=False, speakers=True,
        ),
        Model("gpt-transcribe", ("json", "text"), capped=False, streams=True, shutdown=None, hints=True),
    )
}  # fmt: skip


def find(world: World, name: str) -> Model:
    """A model that is still served, or 404."""
    model = MODELS.get(name)
    if model is None or (model.shutdown and _today(world) >= model.shutdown):
        raise not_found(name)
    return model


def _today(world: World) -> date:
    """The day that the settings name, so that nothing hangs on when a test is run; the clock moves it on."""
    day = world.settings.openai.today
    return day + timedelta(seconds=world.clock.ahead) if day else world.clock.moment().date()


async def on_models(request: Request) -> Response:
    """The list, with the day each goes away."""
    authorized(request)
    return JSONResponse({"object": "list", "data": [_shape(model) for model in MODELS.values()]})


async def on_model(request: Request) -> Response:
    """One of them."""
    authorized(request)
    return JSONResponse(_shape(find(world_of(request), request.path_params["model"])))


def _shape(model: Model) -> dict[str, Any]:
    day = model.shutdown.isoformat() if model.shutdown else None
    return {
        "id": model.name,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "openai",
        "shutdown_date": day,
    }
