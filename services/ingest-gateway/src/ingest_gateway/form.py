"""A multipart form as it comes in: the file's bytes are handed on, the few small fields are kept.

Nothing is spooled: `feed` answers the bytes of the file that a chunk of the body held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ingest_gateway.problems import (
    BODY_TOO_LARGE,
    MALFORMED_FORM,
    MISSING_FILE,
    NOT_MULTIPART,
    TOO_MANY_FILES,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE = b"file"
FIELDS_LIMIT_BYTES = 16 * 1024  # of all fields but the file, together
PARTS = 16


class UploadForm:
    """One form with one file. Methods raise ProblemError."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise NOT_MULTIPART.error()
        self.raw_filename: bytes | None = None
        self.has_file = False
        self.is_complete = False
        self._fields: dict[str, bytearray] = {}
        self._fields_size = 0
        self._parts = 0
        self._field: bytearray | None = None
        self._in_file = False
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._file_bytes = bytearray()
        self._parser = self._make_parser(boundary)

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        callbacks: dict[str, Callable[..., Any]] = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }
        try:
            return MultipartParser(boundary, cast("MultipartCallbacks", callbacks))
        except FormParserError:
            raise MALFORMED_FORM.error() from None

    def feed(self, chunk: bytes) -> bytes:
        """Read on in the body; answers what of it belongs to the file."""
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise MALFORMED_FORM.error() from None
        found = bytes(self._file_bytes)
        self._file_bytes.clear()
        return found

    def finish(self) -> dict[str, str]:
        """The fields, once the body has ended. Raises malformed_form or missing_file."""
        if not self.is_complete:
            raise MALFORMED_FORM.error("The form ends too early. Upload the file again.")
        if not self.has_file:
            raise MISSING_FILE.error()
        return {name: value.decode("utf-8", "replace") for name, value in self._fields.items()}

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS:
            raise MALFORMED_FORM.error("The form has too many fields.")
        self._headers.clear()
        self._field, self._in_file = None, False

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name")
        if name is None:
            raise MALFORMED_FORM.error()
        if name == FILE:
            self._on_file(options.get(b"filename"))
        else:
            self._field = self._fields.setdefault(name.decode("utf-8", "replace"), bytearray())

    def _on_file(self, filename: bytes | None) -> None:
        if self.has_file:
            raise TOO_MANY_FILES.error()
        self._in_file = self.has_file = True
        self.raw_filename = filename

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._file_bytes += memoryview(data)[start:end]
            return
        self._fields_size += end - start
        if self._fields_size > FIELDS_LIMIT_BYTES:
            raise BODY_TOO_LARGE.error("The fields beside the file are too long.")
        if self._field is not None:
            self._field += data[start:end]

    def _on_end(self) -> None:
        self.is_complete = True
