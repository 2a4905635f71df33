"""Zoom: OAuth with tokens that rotate, lists by the month, a transcript for each recording of a meeting.

Zoom's own API pages: https://developers.zoom.us/docs/api/meetings/
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, BeforeValidator

from pipeline_runtime import connectors as kit
from pipeline_runtime.failures import DOWNLOAD_INCOMPLETE

_READ = "cloud_recording:read"
MANIFEST = kit.Manifest(
    source="zoom", name="Zoom", icon="M3 6h11v12H3zM15 10l6-4v12l-6-4z", connect=("oauth2",),
    urls={"api": "https://api.zoom.us/v2"}, hosts=("zoom.us",),
    oauth=kit.OAuth2(
        authorize_url="https://zoom.us/oauth/authorize",
        token_url="https://zoom.us/oauth/token",  # noqa: S106  an address
        revoke_url="https://zoom.us/oauth/revoke",
        scopes=("user:read:user", f"{_READ}:list_user_recordings", f"{_READ}:list_recording_files"),
        pkce=True, client_auth="basic",
    ),
    webhook=kit.WebhookScheme(
        kind="hmac", signature_header="x-zm-signature", prefix="v0=",
        timestamp_header="x-zm-request-timestamp", template="v0:{timestamp}:{body}",
        challenge=kit.Challenge(
            event_path="event", event_value="endpoint.url_validation", plain_field="plainToken",
            token_path="payload.plainToken", hashed_field="encryptedToken",  # noqa: S106  a field's name
        ),
    ),
    budgets=(kit.Budget("light", 30, per=1, scope="workspace"),
             kit.Budget("medium", 20, per=1, scope="workspace")),
)  # fmt: skip
MONTH, DAY = timedelta(days=28), timedelta(days=1)
PATIENCE, UNFINISHED = timedelta(hours=6), DAY
"""How long after a call its transcript may still come (then its sound is transcribed), and any file at all."""
RESTARTS = 5
Text = Annotated[str, BeforeValidator(lambda said: said or "")]


class File(BaseModel):
    """A file of one of a meeting's recordings. As long as Zoom works on it, type and end are empty."""

    file_type: Text = ""
    recording_type: Text = ""
    recording_start: Text = ""
    recording_end: Text = ""
    file_size: int = 0
    download_url: Text = ""


class Meeting(BaseModel):
    """What Zoom says of a call; only the fields that we use. `duration` is in minutes."""

    topic: Text = ""
    start_time: AwareDatetime
    duration: float = 0
    share_url: str | None = None
    host_id: str | None = None
    download_access_token: str = ""
    recording_files: list[File] = []

    def files(self, kind: str) -> list[File]:
        """Those of a type that are there, in the order of the recordings."""
        found = [one for one in self.recording_files if kind in (one.file_type, one.recording_type)]
        return sorted((one for one in found if one.recording_end), key=lambda one: one.recording_start)

    def seconds(self, moment: str) -> float:
        """From the meeting's start."""
        return max(0.0, (datetime.fromisoformat(moment) - self.start_time).total_seconds())


async def account(http: kit.Http) -> kit.Account:
    """Zoom's webhooks name account and host, some of them account and e-mail."""
    me = await _ask(http, "/users/me")
    keys = (f"{me['account_id']}/{me['id']}", f"{me['account_id']}/{me['email'].lower()}")
    return kit.Account(id=me["id"], email=me["email"], keys=keys, workspace=me["account_id"])


async def pages(http: kit.Http, window: kit.Window) -> AsyncIterator[kit.Page]:
    """Month by month into the past. Windows overlap by a day: whether `to` is included, nobody says."""
    start, end = window.start or await _joined(http), window.end or datetime.now(UTC) + DAY  # clocks differ
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date() + DAY
    last = date.fromisoformat(window.resume) if window.resume else last
    token, restarts = "", 0
    while True:
        wanted = {"from": max(first, last - MONTH).isoformat(), "to": last.isoformat(), "page_size": 300}
        try:
            found = await _ask(http, "/users/me/recordings", wanted | {"next_page_token": token}, "medium")
        except kit.Refused as error:
            if not token or _code(error) != 300 or restarts == RESTARTS:
                raise
            token, restarts = "", restarts + 1  # it dies after 15 minutes: the window begins anew
            continue
        page = kit.Page.read(found["meetings"], _item, when="start_time", mark=last.isoformat())
        within = [one for one in page.items if not one.started_at or start <= one.started_at <= end]
        yield kit.Page(within, page.unreadable, page.mark)
        token = found.get("next_page_token") or ""
        if not token:
            begin = date.fromisoformat(found["from"])  # later than wanted where the window was cut
            if begin <= first:
                return
            last, restarts = min(begin, last - 2 * DAY) + DAY, 0


async def fetch(http: kit.Http, item: kit.Item) -> kit.Fetched:
    """All transcripts of the meeting; else a time to look again; at last its sound."""
    wanted = {"include_fields": "download_access_token", "ttl": 86400}
    try:
        found = await _ask(http, f"/meetings/{encoded(item.external_id)}/recordings", wanted)
    except kit.NotFound as error:  # 3301 is said before a recording is there, too
        later = _later(item.started_at, UNFINISHED) if _code(error) == 3301 else None
        return later or kit.Skipped("deleted", "Zoom no longer has this recording.")
    meeting = Meeting.model_validate(found)
    token = meeting.download_access_token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    texts, sounds = meeting.files("TRANSCRIPT"), meeting.files("audio_only") or meeting.files("MP4")
    words = [(meeting.seconds(one.recording_start), await _vtt(http, one, headers)) for one in texts]
    segments = kit.read_vtt(words)
    silent = len({one.recording_start for one in sounds}) - (len(texts) if segments else 0)
    ends = [meeting.seconds(one.recording_end) for one in meeting.recording_files if one.recording_end]
    length = max(ends, default=meeting.duration * 60)
    if not segments or silent > 0 or len(ends) < len(meeting.recording_files):
        ended = meeting.start_time + timedelta(seconds=length)
        if later := _later(ended, PATIENCE if sounds or segments else UNFINISHED):
            return later
    known: dict[str, Any] = {"title": meeting.topic or None, "started_at": meeting.start_time}
    about = {"share_url": meeting.share_url, "host_id": meeting.host_id, "recordings_left_out": max(0, silent)}
    if segments:
        return kit.Record(segments, duration=length, metadata=about, **known)
    if not sounds:
        return kit.Skipped("unsupported", "Zoom has neither a transcript nor sound of this call.")
    one = max(sounds, key=lambda one: one.file_size)
    name, kind = ("call.mp4", "video/mp4") if one.file_type == "MP4" else ("call.m4a", "audio/mp4")
    about["recordings_left_out"] = silent - 1
    return kit.Audio(name, kind, one.download_url, headers=headers, size=one.file_size, metadata=about, **known)


def webhook(body: dict[str, Any]) -> kit.Notice:
    """What was trashed or deleted stays in the library; whoever still asks Zoom for it hears so."""
    event, payload = body["event"], body["payload"]
    told = payload.get("object") or {}
    who = payload.get("user_id") or told.get("host_id") or str(payload.get("operator")).lower()
    keys = (f"{payload['account_id']}/{who}",)
    if event in ("recording.completed", "recording.transcript_completed", "recording.recovered"):
        return kit.Notice(keys, (_item(told),))
    if event == "recording.batch_recovered":
        return kit.Notice(keys, tuple(_item({"uuid": one["meeting_uuid"]}) for one in told["meetings"]))
    return kit.Notice(keys, deauthorized=event == "app_deauthorized")


def encoded(uuid: str) -> str:
    """A UUID for a path: encoded twice where it begins with a slash or holds two, else Zoom loses them."""
    once = quote(uuid, safe="")
    return quote(once, safe="") if uuid.startswith("/") or "//" in uuid else once


async def _ask(http: kit.Http, path: str, params: kit.Params | None = None, bucket: str = "light") -> Any:
    try:
        return await http.get(path, params, bucket=bucket)
    except kit.Refused as error:
        if _code(error) == 4711:
            raise kit.ReconnectNeeded("Zoom wants a permission for it: allow all that it asks for.") from None
        raise


def _code(error: kit.Refused | kit.NotFound) -> Any:
    return error.told.get("code") if isinstance(error.told, dict) else None


async def _joined(http: kit.Http) -> datetime:
    """When the user came to Zoom: there is nothing to list from before."""
    said = (await _ask(http, "/users/me")).get("created_at")
    return datetime.fromisoformat(said) if said else datetime(2014, 1, 1, tzinfo=UTC)


def _item(row: dict[str, Any]) -> kit.Item:
    title, at = row.get("topic") or "A call on Zoom", row.get("start_time")
    return kit.Item(external_id=row["uuid"], title=title, started_at=at)


def _later(since: datetime | None, patience: timedelta) -> kit.NotReady | None:
    """Look again after a tenth of the call's age, ten minutes at least; None where patience has ended."""
    now = datetime.now(UTC)
    if since is None or now > since + patience:
        return None
    return kit.NotReady(min(since + patience, now + max(timedelta(minutes=10), (now - since) / 10)))


async def _vtt(http: kit.Http, file: File, headers: Mapping[str, str]) -> str:
    """A whole transcript. Zoom may answer 200 with its sign-in page, or with less than there is."""
    answer = await http.request("GET", file.download_url, headers=headers, bucket="download")
    text = answer.content.decode("utf-8-sig", errors="replace")
    if len(answer.content) < file.file_size or not text.startswith("WEBVTT"):
        raise kit.Transient(DOWNLOAD_INCOMPLETE)
    return text


CONNECTOR = kit.Connector(MANIFEST, account=account, pages=pages, fetch=fetch, webhook=webhook)
