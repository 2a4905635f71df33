"""What a search has found: the words of a text, and where they stand in another. Plain text, never markup."""

from __future__ import annotations

import re

from ingest_gateway.queries.recordings import SNIPPET_BEFORE, SNIPPET_LENGTH
from ingest_gateway.schemas.recordings import Match, TextPart

MOST_WORDS = 10
_WORD = re.compile(r"[^\W_]+")
_LETTER = r"[^\W_]"


class Words:
    """The words that are looked for: each is the beginning of one, a single letter is one by itself."""

    def __init__(self, text: str) -> None:
        found = list(dict.fromkeys(_WORD.findall(text.lower())))[:MOST_WORDS]
        self._words = sorted(found, key=len, reverse=True)
        alternatives = [word if len(word) > 1 else f"{word}(?!{_LETTER})" for word in self._words]
        self._marks = re.compile(f"(?<!{_LETTER})(?:{'|'.join(alternatives)})", re.IGNORECASE)

    def __bool__(self) -> bool:
        return bool(self._words)

    @property
    def text(self) -> str:
        """The words alone."""
        return " ".join(self._words)

    @property
    def pattern(self) -> str:
        """A regular expression of PostgreSQL's that finds one of them. They have nothing to be escaped."""
        alternatives = [word if len(word) > 1 else rf"{word}\M" for word in self._words]
        return rf"\m(?:{'|'.join(alternatives)})"

    def mark(self, text: str) -> list[TextPart]:
        """A text in parts."""
        parts, end = [], 0
        for found in self._marks.finditer(text):
            if text[end : found.start()]:
                parts.append(TextPart(text=text[end : found.start()], is_match=False))
            parts.append(TextPart(text=found.group(), is_match=True))
            end = found.end()
        if text[end:]:
            parts.append(TextPart(text=text[end:], is_match=False))
        return parts

    def match(self, title: str, snippet: str | None, place: int | None) -> Match:
        """Where they stand in a title, and in a transcript of which `snippet` holds the word at `place`."""
        trimmed = _trimmed(snippet, place) if snippet and place else ""
        return Match(title=self.mark(title), transcript=self.mark(trimmed))


def _trimmed(snippet: str, place: int) -> str:
    """In one line, and without the halves of words at its ends."""
    begins_before, ends_after = place > SNIPPET_BEFORE + 1, len(snippet) == SNIPPET_LENGTH
    words = snippet.split()
    words = words[1 if begins_before and len(words) > 2 else 0 :]
    words = words[: -1 if ends_after and len(words) > 2 else None]
    return " ".join(["…"] * begins_before + words + ["…"] * ends_after)
