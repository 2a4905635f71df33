"""Which files may be chosen. What one really is, its content decides: see `pipeline_runtime.media`."""

from __future__ import annotations

from ingest_gateway.schemas.installation import AcceptedType

ACCEPTED = [
    AcceptedType(name=name, extensions=extensions.split(), media_types=kinds.split(), has_picture=has_picture)
    for name, extensions, kinds, has_picture in (
        ("MP3", ".mp3", "audio/mpeg audio/mp3", False),
        ("WAV", ".wav", "audio/wav audio/x-wav audio/wave audio/vnd.wave", False),
        ("M4A", ".m4a", "audio/mp4 audio/x-m4a audio/m4a", False),
        ("MP4", ".mp4 .m4v", "video/mp4 video/x-m4v", True),
        ("MOV", ".mov", "video/quicktime", True),
        ("WebM", ".webm", "video/webm audio/webm", True),
    )
]
