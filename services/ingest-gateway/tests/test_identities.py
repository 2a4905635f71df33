"""Users of an outside identity provider: which of their tokens count, and who they become here."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import ValidationError
from tests.support.gateway import Gateway, gateway_of, settings_for
from tests.support.stack import Stack

from ingest_gateway.identities import make_identities
from ingest_gateway.problems import ProblemError

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECRET = "a shared secret of more than 32 bytes"
ISSUER = "https://project.example/auth/v1"


def claims(**more: Any) -> dict[str, Any]:
    given = {
        "sub": "5f0c",
        "aud": "authenticated",
        "iss": ISSUER,
        "email": "Berta@Example.com",
        "exp": time.time() + 3600,
    }
    return {name: value for name, value in (given | more).items() if value is not None}


class KeyServer:
    """An identity provider's key set, served on loopback."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.works = True
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["KeyServer"]:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ours.asked += 1
                body = json.dumps({"keys": ours.keys}).encode()
                self.send_response(200 if ours.works else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        yield self
        server.shutdown()
        thread.join()
        server.server_close()

    def add_rsa(self, key_id: str) -> rsa.RSAPrivateKey:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys.append({**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": "RS256"})
        return key

    def add_ec(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        self.keys.append({**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": "ES256"})
        return key


@pytest.fixture
def provider() -> Iterator[KeyServer]:
    with KeyServer().serving() as serving:
        yield serving


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def by_secret(gateway_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("identities")
    async with gateway_of(gateway_stack, folder, auth_jwt_secret=SECRET, auth_jwt_issuer=ISSUER) as running:
        yield running


def signed(secret: str = SECRET, algorithm: str = "HS256", **more: Any) -> str:
    return jwt.encode(claims(**more), secret, algorithm)


async def me(gateway: Gateway, token: str) -> httpx.Response:
    async with gateway.anonymous() as client:
        return await client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


async def test_the_first_token_of_a_subject_makes_a_user_with_bank_and_vault(by_secret: Gateway) -> None:
    subject = uuid4().hex
    first, second = await me(by_secret, signed(sub=subject)), await me(by_secret, signed(sub=subject))
    stored = "SELECT external_subject, email, password_hash FROM users WHERE id = $1"

    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    assert first.json()["plan"] == "free"
    assert tuple(await by_secret.stack.owner.fetchrow(stored, first.json()["id"]) or ()) == (
        f"{ISSUER}|{subject}", "berta@example.com", None,
    )  # fmt: skip


async def test_ten_first_requests_at_once_make_one_user(by_secret: Gateway) -> None:
    token = signed(sub=uuid4().hex)
    answers = await asyncio.gather(*(me(by_secret, token) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_new_address_at_the_provider_is_followed(by_secret: Gateway) -> None:
    subject = uuid4().hex
    await me(by_secret, signed(sub=subject))

    assert (await me(by_secret, signed(sub=subject, email="new@example.com"))).json()[
        "email"
    ] == "new@example.com"


async def test_an_address_that_a_local_user_has_makes_another_user(by_secret: Gateway) -> None:
    local = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    async with by_secret.anonymous() as client:
        known = (await client.post("/api/users", json=local)).json()
    outside = (await me(by_secret, signed(sub=uuid4().hex, email=local["email"]))).json()

    assert outside["email"] == known["email"]
    assert outside["id"] != known["id"]


async def test_a_subject_without_an_address_gets_one_that_reaches_nobody(by_secret: Gateway) -> None:
    answer = await me(by_secret, signed(sub=uuid4().hex, email=None))

    assert answer.json()["email"].endswith("@no-address.invalid")


def unsigned() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=").decode()
    return f"{head}.{body}."


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (signed(secret="another secret of more than 32 bytes"), "invalid_token"),
        (signed(algorithm="HS512", secret=SECRET * 2), "invalid_token"),
        (unsigned(), "invalid_token"),
        (signed(exp=time.time() - 3600), "token_expired"),
        (signed(exp=None), "invalid_token"),
        (signed(nbf=time.time() + 3600), "invalid_token"),
        (signed(aud="someone-else"), "invalid_token"),
        (signed(aud=None), "invalid_token"),
        (signed(iss="https://elsewhere.example"), "invalid_token"),
        (signed(sub=None), "invalid_token"),
        (signed(sub=""), "invalid_token"),
        (signed(sub="x" * 300), "invalid_token"),
    ],
)
async def test_other_tokens_are_refused(by_secret: Gateway, token: str, code: str) -> None:
    answer = await me(by_secret, token)

    assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_tokens_count_for_nothing_where_no_provider_is_configured(gateway: Gateway) -> None:
    assert (await me(gateway, signed())).json()["code"] == "invalid_token"


async def test_keys_of_a_key_set_are_taken_by_their_id(
    gateway_stack: Stack, tmp_path: Path, provider: KeyServer
) -> None:
    one, two = provider.add_rsa("one"), provider.add_ec("two")
    async with gateway_of(gateway_stack, tmp_path, auth_jwks_url=provider.url) as gateway:
        tokens = [
            jwt.encode(claims(sub=uuid4().hex), one, "RS256", headers={"kid": "one"}),
            jwt.encode(claims(sub=uuid4().hex), two, "ES256", headers={"kid": "two"}),
        ]
        answers = [await me(gateway, token) for token in tokens]
        swapped = await me(gateway, jwt.encode(claims(), one, "RS256", headers={"kid": "two"}))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert swapped.json()["code"] == "invalid_token"
    assert provider.asked == 1


async def test_a_public_key_is_never_taken_for_a_shared_secret(
    gateway_stack: Stack, tmp_path: Path, provider: KeyServer
) -> None:
    key = provider.add_rsa("one")
    provider.keys.append(
        {"kty": "oct", "kid": "leaked", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()}
    )
    pem = RSAAlgorithm(RSAAlgorithm.SHA256).to_jwk(key.public_key()).encode()
    settings = settings_for(gateway_stack, tmp_path, auth_jwks_url=provider.url)
    forged = [
        forge("HS256", "one", pem),
        forge("RS256", "leaked", SECRET.encode()),
        forge("HS256", "leaked", SECRET.encode()),
    ]
    async with httpx.AsyncClient() as client:
        identities = make_identities(settings, client)
        for token in [*forged, unsigned()]:
            with pytest.raises(ProblemError) as caught:
                await identities.verify(token)
            assert caught.value.code == "invalid_token"


def forge(algorithm: str, key_id: str, key: bytes) -> str:
    """A token with a MAC by that key, whatever its header says."""
    parts = [{"alg": algorithm, "kid": key_id, "typ": "JWT"}, claims()]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts)
    mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_an_unknown_key_is_looked_up_once_and_then_not_for_a_while(
    gateway_stack: Stack, tmp_path: Path, provider: KeyServer
) -> None:
    old = provider.add_rsa("old")
    settings = settings_for(gateway_stack, tmp_path, auth_jwks_url=provider.url)
    async with httpx.AsyncClient() as client:
        eager, patient = (make_identities(settings, client, floor=floor) for floor in (0.0, 60.0))
        for identities in (eager, patient):
            await identities.verify(jwt.encode(claims(), old, "RS256", headers={"kid": "old"}))
        rotated = jwt.encode(claims(), provider.add_rsa("new"), "RS256", headers={"kid": "new"})

        assert (await eager.verify(rotated)).subject == f"{ISSUER}|5f0c"
        asked = provider.asked
        for _ in range(3):
            with pytest.raises(ProblemError):
                await patient.verify(rotated)
        assert provider.asked == asked


async def test_a_provider_that_is_down_is_no_fault_of_the_token(
    gateway_stack: Stack, tmp_path: Path, provider: KeyServer
) -> None:
    key = provider.add_rsa("one")
    token = jwt.encode(claims(), key, "RS256", headers={"kid": "one"})
    settings = settings_for(gateway_stack, tmp_path, auth_jwks_url=provider.url)
    provider.works = False
    async with httpx.AsyncClient() as client:
        identities = make_identities(settings, client, floor=0.0)
        with pytest.raises(ProblemError) as caught:
            await identities.verify(token)
        assert (caught.value.status_code, caught.value.code) == (503, "identity_provider_unavailable")

        provider.works = True
        assert (await identities.verify(token)).email == "Berta@Example.com"
        provider.works = False
        with pytest.raises(ProblemError) as caught:
            await identities.verify(jwt.encode(claims(), key, "RS256", headers={"kid": "other"}))
        assert caught.value.code == "invalid_token"
        assert (await identities.verify(token)).email == "Berta@Example.com"


@pytest.mark.parametrize(
    "given",
    [{"auth_jwt_secret": SECRET, "auth_jwks_url": "https://keys.example/jwks"}, {"auth_jwt_secret": "short"}],
)
async def test_settings_that_would_weaken_the_check_are_refused(
    gateway_stack: Stack, tmp_path: Path, given: dict[str, str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_for(gateway_stack, tmp_path, **given)
    assert SECRET not in str(caught.value)
