"""YouTube: links to videos and playlists; captions in the best language, else the sound where it is wished."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from mimetypes import guess_type

from pipeline_runtime import connectors as kit
from pipeline_runtime.failures import SOURCE_UNAVAILABLE
from youtube_connector.links import read
from youtube_connector.youtube import BLOCKED, NO_CAPTIONS, NO_SOUND, REAL, WITHHELD, captions, extract, meaning

MANIFEST = kit.Manifest(
    source="youtube", name="YouTube", icon="M3 6h18v12H3zM10 9v6l5-3z", connect=("url",), urls={"api": REAL},
    link_hosts=("youtube.com", "youtu.be", "youtube-nocookie.com"),
    options=(kit.ConnectorOption(name="transcribe_missing", label="Transcribe videos without captions"),
             kit.ConnectorOption(name="prefer_english", label="English captions where there are some")),
    budgets=(kit.Budget("captions", 30, per=60),),
)  # fmt: skip
_PUBLISHED = re.compile(r'(?:publishDate":|itemprop="datePublished" content=)\s*"(\d{4}-\d\d-\d\d[T\d:+-]*)"')


async def links(http: kit.Http, wanted: Sequence[str]) -> AsyncIterator[kit.Page]:
    """Videos first: a playlist that cannot be read for now holds none of them up."""
    for kind, found, link in sorted(((*read(link), link) for link in wanted), reverse=True):
        if kind == "video":
            yield kit.Page([kit.Item(external_id=found, title=await _title(http, found))])
        elif kind == "playlist":
            yield kit.Page(await _listed(http, found, link))
        else:
            yield kit.Page([kit.Item.of_link(link, "unsupported_link", found)])


async def _title(http: kit.Http, video: str) -> str:
    """By oEmbed. It refuses videos that are not to be embedded, too: whether one is there the player says."""
    try:
        told = await http.get("/oembed", {"url": f"{REAL}/watch?v={video}", "format": "json"}, bucket="oembed")
        return str(told["title"])[:1000]
    except (kit.ItemProblem, KeyError, TypeError):
        return f"YouTube video {video}"


async def _listed(http: kit.Http, playlist: str, link: str) -> list[kit.Item]:
    path = f"/playlist?list={playlist}"
    try:
        found = await asyncio.to_thread(extract, http.urls["api"], path, SOURCE_UNAVAILABLE)
    except kit.ItemProblem as problem:
        if problem.retryable:
            raise
        return [kit.Item.of_link(link, problem.code, problem.message)]
    titles = {row["id"]: row.get("title") or row["id"] for row in found["entries"]}
    return [kit.Item(external_id=video, title=title[:1000]) for video, title in titles.items()]


async def fetch(http: kit.Http, item: kit.Item) -> kit.Fetched:
    """The captions, the sound, or why there is neither."""
    await http.budgets.debit("captions", http.account, live=http.live)
    video, language = item.external_id, "en" if http.options["prefer_english"] else ""
    found, player, page = await asyncio.to_thread(captions, http.urls["api"], video, language)
    details, status = player.get("videoDetails") or {}, player.get("playabilityStatus") or {}
    if details.get("isLive") or details.get("isUpcoming") or status.get("status") == "LIVE_STREAM_OFFLINE":
        again = timedelta(hours=1 if details.get("isLive") else 6)
        return kit.NotReady(
            datetime.now(UTC) + again, "This video is live or yet to come. It is looked at again by itself."
        )
    title, started_at = details.get("title"), _published(page)
    metadata = {"url": f"{REAL}/watch?v={video}", "channel": details.get("author")}
    rows = () if isinstance(found, Exception) else ((row.start, row.duration, row.text) for row in found)
    if segments := kit.read_subtitles(rows):
        metadata |= {"language": found.language_code, "is_generated": found.is_generated}
        seconds = float(details.get("lengthSeconds") or 0) or None
        return kit.Record(segments, None, title, started_at, seconds, metadata)
    problem = meaning(found, str(status.get("reason")))
    if problem.code == BLOCKED.code:
        await http.budgets.pause("captions", http.account, 20.0)
    if problem.code not in (NO_CAPTIONS.code, WITHHELD.code) or not http.options["transcribe_missing"]:
        raise problem
    assert http.folder is not None
    await asyncio.to_thread(extract, http.urls["api"], f"/watch?v={video}", NO_SOUND, http.folder)
    sound = next(http.folder.iterdir())
    kind = guess_type(sound.name)[0] or "audio/mp4"
    return kit.Audio(sound.name, kind, path=sound, title=title, started_at=started_at, metadata=metadata)


def _published(page: str) -> datetime | None:
    """When the video was made public: nothing tells when it was recorded."""
    found = _PUBLISHED.search(page)
    moment = found and datetime.fromisoformat(found[1])
    return moment and moment.replace(tzinfo=moment.tzinfo or UTC)


CONNECTOR = kit.Connector(MANIFEST, fetch=fetch, links=links)
