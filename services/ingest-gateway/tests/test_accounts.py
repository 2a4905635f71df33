"""Signing up, in and out; API tokens; whose writes are taken."""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.gateway import PUBLIC_URL, Gateway, gateway_of, upload_speech
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
Who = dict[str, str]


@pytest.fixture
def who() -> Who:
    return {"email": f"Anna-{uuid4().hex}@Example.com", "password": "correct horse battery"}


async def test_a_new_user_is_signed_in_and_has_a_bank_and_a_vault(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as client:
        answer = await client.post("/api/users", json=who)
        me = (await client.get("/api/me")).json()

    assert answer.status_code == 201
    assert answer.json() == {"id": me["id"], "email": who["email"].lower(), "plan": "free"}
    assert me["bank_id"]
    assert me["vault_id"]
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("callvault_session=")
    for part in ("HttpOnly", "Path=/", "SameSite=lax"):
        assert part in cookie
    assert "Secure" not in cookie


async def test_the_cookie_is_secure_where_the_site_is(gateway_stack: Stack, tmp_path: Path, who: Who) -> None:
    async with gateway_of(gateway_stack, tmp_path, public_url="https://calls.example") as gateway:
        client = gateway.anonymous()
        client.headers["Origin"] = "https://calls.example"
        answer = await client.post("/api/users", json=who)

    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]


async def test_one_signs_in_and_out_and_the_session_is_gone(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as first, gateway.anonymous() as second:
        await first.post("/api/users", json=who)
        answer = await second.post("/api/session", json=who)
        assert (answer.status_code, answer.json()["email"]) == (200, who["email"].lower())
        stolen = {"Cookie": f"callvault_session={second.cookies['callvault_session']}"}

        assert (await second.delete("/api/session")).status_code == 204
        assert (await second.get("/api/me")).json()["code"] == "not_signed_in"
        assert (await second.get("/api/me", headers=stolen)).status_code == 401
        assert (await first.get("/api/me")).status_code == 200


async def test_only_hashes_are_stored(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as client:
        await client.post("/api/users", json=who)
        session = client.cookies["callvault_session"]
    row = await gateway.stack.owner.fetchrow(
        "SELECT u.*, t.* FROM users u JOIN api_tokens t ON t.user_id = u.id WHERE email = $1",
        who["email"].lower(),
    )

    assert row is not None
    assert row["password_hash"].startswith("$argon2id$")
    assert session.encode() not in row["token_hash"]
    assert who["password"] not in str(dict(row))


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        ("nobody", "long enough indeed", "invalid_email"),
        ("anna@example.com", "too short", "invalid_password"),
        ("anna@example.com", "x" * 300, "invalid_password"),
    ],
)
async def test_bad_sign_ups_say_what_is_wrong(gateway: Gateway, email: str, password: str, code: str) -> None:
    async with gateway.anonymous() as client:
        answer = await client.post("/api/users", json={"email": email, "password": password})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_address_signs_up_once_even_when_tried_at_once(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as client:
        answers = await asyncio.gather(*(client.post("/api/users", json=who) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    banks = "SELECT count(*) FROM banks b JOIN users u ON u.id = b.personal_of WHERE email = $1"
    assert await gateway.stack.owner.fetchval(banks, who["email"].lower()) == 1


async def test_sign_up_can_be_closed(gateway_stack: Stack, tmp_path: Path, who: Who) -> None:
    async with gateway_of(gateway_stack, tmp_path, signup="closed") as gateway, gateway.anonymous() as client:
        answer = await client.post("/api/users", json=who)

    assert (answer.status_code, answer.json()["code"]) == (403, "signup_closed")


async def test_unknown_users_and_wrong_passwords_get_the_same_answer(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as client:
        await client.post("/api/users", json=who)
        wrong = await client.post("/api/session", json=who | {"password": "not the password"})
        unknown = await client.post("/api/session", json=who | {"email": "berta@example.com"})

    told = [{**answer.json(), "request_id": ""} for answer in (wrong, unknown)]
    assert told[0] == told[1]
    assert (wrong.status_code, told[0]["code"]) == (401, "wrong_credentials")


async def test_guessing_is_slowed_down_for_the_guesser_alone(
    gateway: Gateway, who: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_gateway.attempts.OF_ONE_PAIR", 2)
    async with gateway.anonymous() as client:
        await client.post("/api/users", json=who)
    guess = who | {"password": "a wild guess at it"}
    async with gateway.anonymous("203.0.113.9") as guesser, gateway.anonymous("203.0.113.10") as owner:
        answers = [await guesser.post("/api/session", json=guess) for _ in range(3)]
        honest = await owner.post("/api/session", json=who)

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert honest.status_code == 200


async def test_a_token_works_is_shown_once_and_can_be_deleted(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    made = (await client.post("/api/tokens", json={"name": "laptop", "expires_in_days": 7})).json()
    with_it = gateway.anonymous()
    with_it.headers["Authorization"] = f"Bearer {made['token']}"

    assert made["token"].startswith("cv_")
    assert (await with_it.get("/api/me")).status_code == 200
    listed = (await client.get("/api/tokens")).json()["tokens"]
    assert [token["name"] for token in listed] == ["laptop", "tests"]
    assert set(listed[0]) == {"id", "name", "created_at", "last_used_at", "expires_at"}
    assert listed[0]["last_used_at"]
    assert listed[0]["expires_at"] == made["expires_at"]

    assert (await client.delete(f"/api/tokens/{made['id']}")).status_code == 204
    assert (await with_it.get("/api/me")).json()["code"] == "invalid_token"
    assert (await client.delete(f"/api/tokens/{made['id']}")).status_code == 404


async def test_an_expired_token_is_none(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    expire = "UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1"
    await gateway.stack.owner.execute(expire, person.id)

    assert (await client.get("/api/me")).status_code == 401


async def test_a_session_is_no_bearer_and_a_token_no_cookie(gateway: Gateway, who: Who) -> None:
    async with gateway.anonymous() as client:
        await client.post("/api/users", json=who)
        session = client.cookies["callvault_session"]
        token = (await client.post("/api/tokens", json={"name": "one"})).json()["token"]
    nobody = gateway.anonymous()

    assert (await nobody.get("/api/me", headers={"Authorization": f"Bearer {session}"})).status_code == 401
    assert (await nobody.get("/api/me", headers={"Cookie": f"callvault_session={token}"})).status_code == 401


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Basic YTpi", "Bearer cv_unknown", "Bearer a.b.c"]
)
async def test_an_authorization_that_is_none_is_401(gateway: Gateway, authorization: str) -> None:
    answer = await gateway.anonymous().get("/api/me", headers={"Authorization": authorization})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (PUBLIC_URL, 201),
        ("http://other-host.example", 403),
        ("null", 403),
        (None, 403),
        ("http://gateway.example.evil.example", 403),
    ],
)
async def test_a_write_by_cookie_needs_our_own_origin(
    gateway: Gateway, origin: str | None, status: int, who: Who
) -> None:
    client = gateway.anonymous()
    await client.post("/api/users", json=who)
    del client.headers["Origin"]
    answer = await client.post("/api/tokens", json={"name": "x"}, headers={"Origin": origin} if origin else {})

    assert answer.status_code == status
    assert (await client.get("/api/tokens")).status_code == 200


async def test_the_host_asked_for_is_our_own_origin_too(gateway: Gateway, who: Who) -> None:
    client = gateway.anonymous()
    await client.post("/api/users", json=who)
    headers = {"Origin": "https://proxied.example", "Host": "proxied.example"}

    assert (await client.post("/api/tokens", json={"name": "x"}, headers=headers)).status_code == 201


async def test_another_site_cannot_sign_a_browser_in(gateway: Gateway, who: Who) -> None:
    answer = await gateway.anonymous().post("/api/session", json=who, headers={"Origin": "http://evil.example"})

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


async def test_what_belongs_to_others_is_not_found(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    other = await gateway.client_of(await gateway.stack.person())
    token = (await other.get("/api/tokens")).json()["tokens"][0]["id"]

    for stranger in (token, uuid4()):
        answer = await client.delete(f"/api/tokens/{stranger}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await other.get("/api/me")).status_code == 200


async def test_usage_says_how_much_is_left_and_until_when(gateway: Gateway) -> None:
    free, unlimited = await gateway.stack.person("free"), await gateway.stack.person("unlimited")
    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 3)", free.id)
    told = (await (await gateway.client_of(free)).get("/api/usage")).json()
    month = await gateway.stack.owner.fetchval("SELECT to_char(this_month(), 'YYYY-MM')")

    assert (told["plan"], told["month"], told["used"], told["limit"]) == ("free", month, 3, 10)
    assert told["resets_at"].endswith("-01T00:00:00Z")
    assert (told["pending"], told["remaining"], told["message"]) == (0, 7, None)
    boundless = (await (await gateway.client_of(unlimited)).get("/api/usage")).json()
    assert (boundless["limit"], boundless["remaining"], boundless["message"]) == (None, None, None)


async def test_usage_says_what_happens_at_the_limit(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    client = await gateway.client_of(person)
    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 8)", person.id)
    await upload_speech(client, "budget.mp3")
    nearly = (await client.get("/api/usage")).json()
    await upload_speech(client, "hiring.wav")
    full = (await client.get("/api/usage")).json()

    assert (nearly["used"], nearly["pending"], nearly["remaining"]) == (8, 1, 1)
    assert nearly["message"].startswith("1 more call can be imported until 1 ")
    assert (full["used"], full["pending"], full["remaining"]) == (8, 2, 0)
    assert full["message"].startswith("This month's 10 imports are used up. They are free again on 1 ")


async def test_a_password_never_comes_back(gateway: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    async with gateway.anonymous() as client:
        answers: list[httpx.Response] = [
            await client.post("/api/users", json={"email": 1, "password": "hush hush hush"}),
            await client.post("/api/users", json={"password": "hush hush hush"}),
            await client.post("/api/session", json={"email": "a@b.example", "password": "hush hush hush"}),
        ]

    assert all("hush" not in answer.text for answer in answers)
    assert answers[1].json()["errors"] == [{"field": "email", "message": "Field required"}]
    assert "hush" not in "".join(capfd.readouterr())
