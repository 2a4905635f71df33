"""The behaviours of each provider that an admin call can switch. Defaults are the friendly ones."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from sandbox.faults import Strict

ZOOM_SCOPES = (
    "cloud_recording:read:list_user_recordings",
    "cloud_recording:read:list_recording_files",
    "cloud_recording:read:meeting_transcript",
    "user:read:user",
)
Place = Literal["watch", "player", "timedtext", "oembed", "playlist", "audio"]


class Consent(Strict):
    """What the consent page does: show buttons, or answer by itself for a user."""

    answer: Literal["ask", "accept", "deny"] = "ask"
    user: str = "maya"


class FathomSettings(Strict):
    """Fathom."""

    consent: Consent = Consent()
    page_size: int = 10
    access_seconds: float = 3600
    refresh_seconds: float = 90 * 86400
    refresh_grace: float = 0
    oauth_includes: Literal["refuse", "omit", "allow"] = "refuse"  # include_transcript with an OAuth token
    limits: bool = True
    limit_global: int = 60
    limit_heavy: int = 30
    limit_download: int = 30
    limit_token: int = 60
    window_seconds: float = 60
    not_ready: Literal["404", "empty", "null"] = "404"
    unknown_enum: bool = False
    extra_field: bool = False
    download_polls: int = 1  # polls until a download is done; 0: done in the first answer
    download_result: Literal["completed", "failed", "expired"] = "completed"
    download_seconds: float = 86400
    webhook_scale: float = 1
    two_signatures: bool = False


class ZoomSettings(Strict):
    """Zoom."""

    consent: Consent = Consent()
    scopes: list[str] = Field(default_factory=lambda: list(ZOOM_SCOPES))
    scope_status: Literal[400, 403] = 400
    access_seconds: float = 3599
    refresh_seconds: float = 90 * 86400
    refresh_grace: float = 0
    page_token_seconds: float = 900
    page_size_over: Literal["clamp", "refuse"] = "clamp"
    to_inclusive: bool = True
    limits: bool = True
    plan: Literal["free", "pro", "business"] = "pro"
    daily_limit: int | None = None  # calls a day and account, instead of the plan's
    limit_headers: Literal["full", "none"] = "full"
    bad_download_auth: Literal["401", "html"] = "401"
    download_token_seconds: float = 86400
    link_seconds: float = 600  # of the second host's signed link
    webhook_scale: float = 1
    deadline: float = 3  # seconds in which a delivery must be answered
    challenge_hours: float = 72


class YouTubeSettings(Strict):
    """YouTube."""

    consent_page: Literal["never", "once", "always"] = "never"
    blocked: Literal["no", "bot", "429", "recaptcha"] = "no"
    blocked_at: list[Place] = Field(default_factory=lambda: list[Place](["player"]))
    blocked_tries: int | None = None  # lifts after so many refused calls; null: stays
    open_ips: list[str] = Field(default_factory=list)  # X-Forwarded-For values that are let through
    webpage: Literal["ok", "changed"] = "ok"  # changed: no key in the page


class OpenAISettings(Strict):
    """OpenAI's audio endpoint."""

    api_keys: list[str] = Field(default_factory=lambda: ["sk-sandbox"])
    any_key: bool = False
    today: date | None = date(2026, 11, 22)  # for models that end; moved on by the clock; null: the machine's
    limits: bool = False
    requests_per_minute: int = 50
    text: str | None = None  # what every file says; null: what the sandbox knows of it, or a made-up talk
    listens: bool = False  # a real Whisper listens, by the extra `hearing`
    quirk: Literal["none", "hallucination", "loop", "past_end", "empty"] = "none"
    max_seconds: float = 1400
    max_bytes: int = 26_214_400


class Settings(Strict):
    """All providers."""

    fathom: FathomSettings = FathomSettings()
    zoom: ZoomSettings = ZoomSettings()
    youtube: YouTubeSettings = YouTubeSettings()
    openai: OpenAISettings = OpenAISettings()

    def changed(self, change: dict[str, object]) -> Settings:
        """The same with some keys replaced, validated."""
        return Settings.model_validate(_merged(self.model_dump(), change))


def _merged(old: dict[str, object], change: dict[str, object]) -> dict[str, object]:
    merged = dict(old)
    for key, value in change.items():
        before = merged.get(key)
        merged[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
