"""What people see: tables, times, amounts. Texts from outside cannot steer the terminal."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDE = 10_000


def clean(text: str) -> str:
    """The text with every control character replaced, but for line breaks and tabs."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def console(*, stderr: bool = False) -> Console:
    """A console that cuts nothing off where it writes into a file or a pipe."""
    stream: TextIO = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDE
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; None is shown as a dash."""
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("-" if cell is None else clean(str(cell))) for cell in row))
    console().print(table)


def print_json(content: Any) -> None:
    """One line of JSON, at once: a program may be waiting for it."""
    print(json.dumps(content, ensure_ascii=False, default=_plain), flush=True)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def local_time(moment: datetime | None) -> str | None:
    """To the second, in this machine's zone."""
    return None if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short_duration(seconds: float | None) -> str | None:
    """As h:mm:ss, or m:ss."""
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes as KB or MB, powers of ten."""
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{(count + 999) // 1000} KB"
