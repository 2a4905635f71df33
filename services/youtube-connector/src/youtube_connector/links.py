"""What a link stands for: a video, a playlist, or nothing that can be imported."""

import re
from urllib.parse import parse_qs, urlsplit

_ID = re.compile(r"[0-9A-Za-z_-]{11}(?![0-9A-Za-z_-])")
_IN_PATH = re.compile(rf"/(?:embed|shorts|live|video|watch|vi?|e)/(?!videoseries)({_ID.pattern})")
_ELSEWHERE = {
    r"/(?:@|channel/|c/|user/)": "This link leads to a channel. Use the link of a video or of a playlist.",
    r"/clip/": "This link leads to a clip. Open the video that it is from, and use that link.",
    "": "There is no video behind this link. Use the link of a video or of a playlist.",
}


def read(link: str) -> tuple[str, str]:
    """`video` or `playlist` with its id, or `refusal` and a sentence. `watch?v=ID&list=` is that one video."""
    parts = urlsplit(link.replace("&amp;", "&"))
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    short = _ID.match(parts.path[1:]) if parts.hostname == "youtu.be" else None
    if video := _ID.match(query.get("v", "")) or short:
        return "video", video[0]
    if embedded := _IN_PATH.match(parts.path):
        return "video", embedded[1]
    if re.fullmatch(r"[0-9A-Za-z_-]{2,}", query.get("list", "")):
        return "playlist", query["list"]
    return "refusal", next(told for path, told in _ELSEWHERE.items() if re.match(path, parts.path))
