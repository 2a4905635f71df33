"""The page as it is served: its addresses, its assets, what protects it; and what anybody may know."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.support.gateway import PUBLIC_URL, Gateway, settings_for

from ingest_gateway.app import create_app
from ingest_gateway.pages import find_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = b"console.log('hello')\n" * 100
HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A page as the build leaves it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>CallVault</title>")
    script = folder / "assets" / "index-B1x_9-Zq.js"
    script.write_bytes(SCRIPT)
    script.with_name(f"{script.name}.gz").write_bytes(gzip.compress(SCRIPT))
    script.with_name(f"{script.name}.br").write_bytes(b"brotli")
    (folder / "assets" / "theme.js").write_text("1")
    (folder / "assets" / "hasher-aaaaaaaa.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
async def client(gateway: Gateway, built: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_for(gateway.stack, tmp_path, web_folder=built))
    async with Gateway(app, gateway.stack, tmp_path).anonymous() as anonymous:
        yield anonymous


async def test_every_address_of_the_page_is_the_same_document_which_is_always_asked_for(
    client: httpx.AsyncClient,
) -> None:
    for path in (
        "/",
        "/import",
        "/import?connected=zoom",
        "/calls",
        "/calls/1",
        "/settings",
        "/sign-in",
        "/sign-up",
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache"), path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    again = await client.get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, (await client.head("/calls")).status_code) == (304, 200)


async def test_the_page_may_load_nothing_from_elsewhere_and_no_inline_script(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/import")).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))

    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self' 'wasm-unsafe-eval'")
    assert (policy["style-src"], policy["connect-src"], policy["worker-src"]) == ("'self'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


async def test_assets_with_a_hash_are_kept_and_come_compressed(client: httpx.AsyncClient) -> None:
    path = "/assets/index-B1x_9-Zq.js"
    zipped = await client.get(path, headers={"Accept-Encoding": "gzip, br;q=0"})
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    async with client.stream("GET", path, headers={"Accept-Encoding": "gzip, br"}) as smallest:
        raw = b"".join([chunk async for chunk in smallest.aiter_raw()])
    unnamed = await client.get("/assets/theme.js")
    wasm = await client.get("/assets/hasher-aaaaaaaa.wasm")

    assert (zipped.headers["content-encoding"], zipped.content) == ("gzip", SCRIPT)
    assert ("content-encoding" in plain.headers, plain.content) == (False, SCRIPT)
    assert (smallest.headers["content-encoding"], raw) == ("br", b"brotli")
    for answer in (zipped, plain, smallest):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (answer.headers["content-type"], answer.headers["vary"]) == (
            "text/javascript; charset=utf-8", "Accept-Encoding",
        )  # fmt: skip
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert unnamed.headers["cache-control"] == "no-cache"
    assert wasm.headers["content-type"] == "application/wasm"


async def test_nothing_beside_the_assets_is_handed_out(client: httpx.AsyncClient) -> None:
    for path in (
        "/assets/../index.html", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/",
        "/assets/none.js", "/index.html",
    ):  # fmt: skip
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_an_address_that_is_none_is_a_page_for_people_and_a_problem_for_programs(
    client: httpx.AsyncClient,
) -> None:
    person, program = await client.get("/nowhere", headers=HTML), await client.get("/nowhere")
    route = await client.get("/api/nothing", headers=HTML)

    assert (person.status_code, "<title>CallVault" in person.text) == (404, True)
    assert (program.status_code, program.json()["code"]) == (404, "not_found")
    assert (route.status_code, route.json()["code"]) == (404, "not_found")


async def test_a_page_that_is_not_built_says_how_to_build_it(gateway: Gateway, tmp_path: Path) -> None:
    app = create_app(settings_for(gateway.stack, tmp_path, web_folder=tmp_path / "nothing"))
    async with Gateway(app, gateway.stack, tmp_path).anonymous() as anonymous:
        answer = await anonymous.get("/import", headers=HTML)
        elsewhere = await anonymous.get("/nowhere", headers=HTML)

    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert "npm run build" in answer.text
    assert "WEB_FOLDER" in answer.text
    assert elsewhere.json()["code"] == "not_found"


async def test_the_built_page_is_found_beside_the_code_or_where_the_setting_says(built: Path) -> None:
    assert find_folder(built) == built
    assert find_folder(built / "assets") is None
    beside = Path(__file__).parents[3] / "web" / "dist"
    assert find_folder(None) == (beside if (beside / "index.html").is_file() else None)


async def test_somebody_who_is_not_signed_in_learns_how_to_sign_up_and_what_is_taken(gateway: Gateway) -> None:
    told = (await gateway.anonymous().get("/api/info")).json()

    settings = gateway.app.state.deps.settings
    assert (told["signup"], told["upload_limit_bytes"]) == ("open", settings.upload_limit_bytes)
    assert told["version"] == gateway.app.version
    assert [one["name"] for one in told["accepted_types"]] == ["MP3", "WAV", "M4A", "MP4", "MOV", "WebM"]
    assert PUBLIC_URL not in str(told)
