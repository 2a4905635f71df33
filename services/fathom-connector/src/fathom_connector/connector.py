"""Fathom: API key or OAuth, cursor pages, a transcript for each recording, Standard Webhooks with content.

Fathom's own API pages: https://developers.fathom.ai
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel

from pipeline_runtime.connectors import (
    STANDARD_WEBHOOKS,
    Account,
    Budget,
    Connector,
    Fetched,
    Http,
    Item,
    Manifest,
    NotFound,
    Notice,
    NotReady,
    OAuth2,
    Page,
    Record,
    RegisteredWebhook,
    Segment,
    Skipped,
    Window,
)

MANIFEST = Manifest(
    source="fathom",
    name="Fathom",
    icon="M4 5h16v4H9v3h8v4H9v5H4z",
    connect=("oauth2", "api_key"),
    urls={"api": "https://api.fathom.ai/external/v1"},
    oauth=OAuth2(
        authorize_url="https://fathom.video/external/v1/oauth2/authorize",
        token_url="https://fathom.video/external/v1/oauth2/token",  # noqa: S106  an address
        scopes=("public_api",),
    ),
    api_key_header="X-Api-Key",
    api_key_hint="In Fathom under Settings, API Access",
    webhook=STANDARD_WEBHOOKS,
    budgets=(Budget("global", 60, per=60), Budget("heavy", 30, per=60)),
)
GIVEN_UP_AFTER = timedelta(days=1)
"""A call whose words are not there a day after it ended was deleted: Fathom says 404 to both."""


class Meeting(BaseModel):
    """What Fathom says of a call; only the fields that we use."""

    recording_id: int
    title: str | None = None
    meeting_title: str | None = None
    created_at: AwareDatetime
    recording_start_time: AwareDatetime
    recording_end_time: AwareDatetime
    url: str | None = None
    share_url: str | None = None
    transcript_language: str | None = None
    recorded_by: Any = None
    calendar_invitees: Any = None


async def account(http: Http) -> Account:
    """Fathom has no call that says who asks: we are who recorded what nobody else may see, or most of it."""
    rows = [row for row in (await http.get("/meetings"))["items"] if isinstance(row, dict)]
    own = [row for row in rows if row.get("shared_with") == "no_teams"] or rows
    emails = Counter(email for row in own if (email := _recorder(row)))
    email = emails.most_common(1)[0][0] if emails else None
    return Account(id=email or "me", email=email)


async def pages(http: Http, window: Window) -> AsyncIterator[Page]:
    """Newest first, ten a page. The cursor is a page's number: rows repeat when new calls come in."""
    cursor = window.resume
    while True:
        wanted = {"created_after": window.start, "created_before": window.end}
        params = {name: moment.isoformat() for name, moment in wanted.items() if moment}
        found = await http.get("/meetings", params | ({"cursor": cursor} if cursor else {}))
        cursor = found.get("next_cursor")
        yield Page.read(found["items"], _read, when="created_at", mark=cursor)
        if not cursor:
            return


async def fetch(http: Http, item: Item) -> Fetched:
    """The words from the webhook where it brought them, else one call of the heavy budget."""
    lines = (item.notice or {}).get("transcript")
    if not lines:
        try:
            lines = (await http.get(f"/recordings/{item.external_id}/transcript", bucket="heavy"))["transcript"]
        except NotFound:
            lines = None
    if not lines:
        return _without_words(item)
    begun, ended = item.started_at, datetime.fromisoformat(item.payload["ended_at"])
    assert begun is not None
    duration = max(0.0, (ended - begun).total_seconds())
    return Record(segments=_segments(lines, duration), duration=duration, metadata=item.payload["metadata"])


def webhook(body: dict[str, Any]) -> Notice:
    """One event, "new meeting content ready": the meeting itself, without an envelope."""
    return Notice(items=(_read(body),))


async def register_webhook(http: Http, url: str) -> RegisteredWebhook:
    """For one's own calls and those shared with one, with the words in it."""
    wanted = {"destination_url": url, "triggered_for": ["my_recordings", "shared_external_recordings"]}
    made = await http.post("/webhooks", wanted | {"include_transcript": True})
    return RegisteredWebhook(id=made["id"], secret=made["secret"])


async def remove_webhook(http: Http, webhook_id: str) -> None:
    """Before we go: it would fire for ever."""
    await http.delete(f"/webhooks/{webhook_id}")


def _recorder(row: dict[str, Any]) -> str | None:
    who = row.get("recorded_by")
    email = who.get("email") if isinstance(who, dict) else None
    return email if isinstance(email, str) else None


def _read(row: Any) -> Item:
    """Raises ValueError."""
    meeting = Meeting.model_validate(row)
    metadata = meeting.model_dump(mode="json", include={"url", "share_url", "recorded_by", "calendar_invitees"})
    language = meeting.transcript_language
    return Item(
        external_id=str(meeting.recording_id),
        title=meeting.title or meeting.meeting_title or "A call on Fathom",
        started_at=meeting.recording_start_time,
        payload={
            "ended_at": meeting.recording_end_time.isoformat(),
            "metadata": metadata | {"language": None if language == "unknown" else language},
        },
    )


def _without_words(item: Item) -> NotReady | Skipped:
    """Look again after a tenth of the call's age, ten minutes at least."""
    age = datetime.now(UTC) - datetime.fromisoformat(item.payload["ended_at"])
    if age > GIVEN_UP_AFTER:
        return Skipped("deleted", "Fathom has no transcript of this call, or no longer.")
    return NotReady(datetime.now(UTC) + max(timedelta(minutes=10), age / 10))


def _segments(lines: list[Any], duration: float) -> list[Segment]:
    """Fathom gives whole seconds and no ends: a line lasts until the next one."""
    starts = [_seconds(line["timestamp"]) for line in lines]
    ends = [*starts[1:], duration]
    return [
        Segment(start=start, end=max(start, end), speaker=_speaker(line), text=line["text"])
        for line, start, end in zip(lines, starts, ends, strict=True)
    ]


def _speaker(line: dict[str, Any]) -> str | None:
    return (line.get("speaker") or {}).get("display_name")


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


CONNECTOR = Connector(
    MANIFEST, account=account, pages=pages, fetch=fetch, webhook=webhook,
    register_webhook=register_webhook, remove_webhook=remove_webhook,
)  # fmt: skip
