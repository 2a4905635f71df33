"""The engines, and which one works here."""

from transcriber.engines.engine import (
    NO_HINTS,
    Caps,
    Engine,
    Hints,
    KnownSpeaker,
    OnProgress,
    PartAudio,
    PartTooLong,
)
from transcriber.settings import EngineSettings

__all__ = [
    "NO_HINTS",
    "Caps",
    "Engine",
    "Hints",
    "KnownSpeaker",
    "OnProgress",
    "PartAudio",
    "PartTooLong",
    "choose",
]


def choose(settings: EngineSettings) -> Engine:
    """A server of one's own where an address is given, else OpenAI where a key is, else this machine."""
    if settings.is_local:
        from transcriber.engines.local import LocalEngine

        return LocalEngine(settings.transcriber_model)
    from transcriber.engines.openai_protocol import OpenAIEngine

    own = settings.transcriber_base_url
    return OpenAIEngine(
        key=settings.transcriber_api_key if own else settings.openai_api_key,
        base_url=str(own) if own else None,
        model=settings.transcriber_model,
    )
