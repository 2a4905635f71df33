"""Reading a multipart form piece by piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.form import UploadForm
from ingest_gateway.problems import ProblemError

TYPE = 'multipart/form-data; boundary="edge"'


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    ending = f'; filename="{filename}"' if filename is not None else ""
    return (
        f'--edge\r\nContent-Disposition: form-data; name="{name}"{ending}\r\n\r\n'.encode() + content + b"\r\n"
    )


def read(body: bytes, cuts: list[int] | None = None) -> tuple[bytes, dict[str, str], UploadForm]:
    form = UploadForm(TYPE)
    ends = sorted({min(cut, len(body)) for cut in cuts or []} | {len(body)})
    found, begin = b"", 0
    for end in ends:
        found += form.feed(body[begin:end])
        begin = end
    return found, form.finish(), form


@given(
    content=st.binary(max_size=300)
    | st.sampled_from([b"\r\n--edg", b"--edge", b"\r\n--edg\r\n--edgf", b"\r" * 20]),
    cuts=st.lists(st.integers(0, 800), max_size=12),
)
def test_the_files_bytes_come_out_as_they_went_in_wherever_the_body_is_cut(
    content: bytes, cuts: list[int]
) -> None:
    if b"\r\n--edge" in content:
        return
    body = part("title", b"T") + part("file", content, "a.mp3") + part("language", b"en") + b"--edge--\r\n"
    found, fields, form = read(body, cuts)

    assert found == content
    assert fields == {"title": "T", "language": "en"}
    assert form.raw_filename == b"a.mp3"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (part("title", b"T") + b"--edge--\r\n", "missing_file"),
        (b"--edge--\r\n", "missing_file"),
        (part("file", b"abc", "a.mp3"), "malformed_form"),
        (part("file", b"abc", "a.mp3") * 2 + b"--edge--\r\n", "too_many_files"),
        (b"nothing of a form", "malformed_form"),
        (b"", "malformed_form"),
        (b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--\r\n", "malformed_form"),
        (b"--edge\r\n" + b"X-Long: " + b"x" * 9000, "malformed_form"),
        (b"".join(part(f"f{number}", b"") for number in range(20)), "malformed_form"),
        (part("title", b"x" * 20_000) + b"--edge--\r\n", "body_too_large"),
    ],
)
def test_a_form_that_is_none_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(ProblemError) as caught:
        UploadForm(content_type)
    assert caught.value.code == "not_multipart"


def test_a_boundary_that_is_too_long_is_refused() -> None:
    with pytest.raises(ProblemError):
        UploadForm(f"multipart/form-data; boundary={'x' * 300}")
