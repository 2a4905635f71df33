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
        from transcriber.engines.whisper import LocalOptions

        return LocalEngine(
            settings.transcriber_model,
            LocalOptions(
                device=settings.transcriber_device,
                compute_type=settings.transcriber_compute_type,
                threads=settings.transcriber_threads,
                batch_size=settings.transcriber_batch_size,
                words=settings.transcriber_word_times,
            ),
        )
    from transcriber.engines.openai_protocol import OpenAIEngine

    own = settings.transcriber_base_url
    return OpenAIEngine(
        key=settings.transcriber_api_key if own else settings.openai_api_key,
        base_url=str(own) if own else None,
        openai_url=str(settings.openai_api_url),
        model=settings.transcriber_model,
        successor=settings.transcriber_successor,
        language=settings.transcriber_language,
        words=settings.transcriber_word_times,
    )
