"""Caption tracks, and the timed text behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import Refused
from sandbox.meetings.catalogue import Meeting
from sandbox.routes import world_of
from sandbox.world import World
from sandbox.youtube.blocks import blocked
from sandbox.youtube.videos import find, mode

NAMES = {"en": "English", "de": "German", "fr": "French", "pt": "Portuguese", "es": "Spanish"}
WORDS = 7  # in one caption, at most
EMPTY_EVERY = 11  # machine-made captions have empty entries now and then


@dataclass(frozen=True)
class Cue:
    """One caption. Durations say how long it stays on the screen, so they overlap."""

    start: float
    seconds: float
    text: str


def tracks(world: World, meeting: Meeting) -> list[dict[str, Any]]:
    """captionTracks, by hand before by machine as stored."""
    made = []
    for track in meeting.tracks:
        language, _, kind = track.partition(":")
        automatic = kind == "asr"
        query = f"v={meeting.video}&lang={language}{'&kind=asr' if automatic else ''}&fmt=srv3"
        token = "&exp=xpe" if meeting.mode == "po_token" else ""
        made.append(
            {
                "baseUrl": f"{world.base}/youtube/api/timedtext?{query}{token}",
                "name": {"runs": [{"text": NAMES[language] + (" (auto-generated)" if automatic else "")}]},
                "vssId": f"{'a' if automatic else ''}.{language}",
                "languageCode": language,
                **({"kind": "asr"} if automatic else {}),
                "isTranslatable": True,
                "trackName": "",
            }
        )
    return made


def translations() -> list[dict[str, Any]]:
    """Languages that a track can be asked for in."""
    return [
        {"languageCode": code, "languageName": {"runs": [{"text": name}]}}
        for code, name in sorted(NAMES.items())
    ]


def cues(meeting: Meeting, language: str, *, automatic: bool) -> Iterator[Cue]:
    """The dialogue in pieces. Machine-made ones have no capitals, no stops, and gaps without text."""
    count = 0
    for line in meeting.lines:
        words = line.text.split()
        seconds = (line.end - line.start) / len(words)
        for at in range(0, len(words), WORDS):
            count += 1
            piece = words[at : at + WORDS]
            begin = round(line.start + at * seconds, 2)
            text = " ".join(piece)
            if automatic:
                text = text.lower().translate(str.maketrans("", "", ".,?!:"))
                if count % EMPTY_EVERY == 0:
                    yield Cue(begin, 0.01, "")
            elif at == 0:
                text = f"- {text}"
            yield Cue(
                begin,
                round(len(piece) * seconds + 2.2, 2),
                text if language == "en" else f"[{language}] {text}",
            )


async def on_timedtext(request: Request) -> Response:
    """XML by default (what the library reads), srv3 or json3 where asked for."""
    if refusal := blocked(request, "timedtext"):
        return refusal
    world, query = world_of(request), request.query_params
    meeting = find(world, query.get("v", ""))
    kind = "asr" if query.get("kind") == "asr" else "manual"
    language = query.get("lang", "")
    if meeting is None or f"{language}:{kind}" not in meeting.tracks:
        raise Refused(404, "")
    if mode(world, meeting) == "empty":
        return Response("", media_type="text/xml")
    found = list(cues(meeting, query.get("tlang", language), automatic=kind == "asr"))
    if query.get("fmt") == "json3":
        return Response(_json3(found), media_type="application/json")
    return Response(_srv3(found) if query.get("fmt") == "srv3" else _srv1(found), media_type="text/xml")


def _srv1(found: list[Cue]) -> str:
    """Entities are escaped twice: once as HTML, once as XML."""
    rows = "".join(
        f'<text start="{cue.start:g}" dur="{cue.seconds:g}">{escape(escape(cue.text), quote=False)}</text>'
        for cue in found
    )
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{rows}</transcript>'


def _srv3(found: list[Cue]) -> str:
    rows = "".join(
        f'<p t="{int(cue.start * 1000)}" d="{int(cue.seconds * 1000)}">{escape(cue.text)}</p>' for cue in found
    )
    return f'<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><body>{rows}</body></timedtext>'


def _json3(found: list[Cue]) -> str:
    events = [
        {
            "tStartMs": int(cue.start * 1000),
            "dDurationMs": int(cue.seconds * 1000),
            "segs": [{"utf8": cue.text}],
        }
        for cue in found
    ]
    return json.dumps({"wireMagic": "pb3", "events": events})
