"""A user connects Fathom in the browser, and from then on calls arrive by themselves: over the whole stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.eventually import eventually
from tests.support.live import Caller, Live, live_stack
from tests.support.sources import ADDRESSES, CLIENT, World, sandbox_address

__all__ = ["sandbox_address"]
WORLD = f"e2e-{uuid4().hex[:8]}"


@contextmanager
def stack_with(base: str, folder: Any) -> Iterator[Live]:
    settings = {f"FATHOM_{name}_URL": base + path for name, path in ADDRESSES["fathom"].items()}
    settings |= {"FATHOM_CLIENT_ID": CLIENT["client_id"], "FATHOM_CLIENT_SECRET": CLIENT["client_secret"]}
    with live_stack(folder, ALLOW_PRIVATE_ADDRESSES="true", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def connected(sandbox_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with stack_with(f"{sandbox_address}/w/{WORLD}", tmp_path_factory.mktemp("connected")) as running:
        yield running


@pytest.fixture
async def world(sandbox_address: str) -> AsyncIterator[World]:
    async with httpx.AsyncClient(timeout=30) as http:
        made = World(f"{sandbox_address}/w/{WORLD}", http)
        await made.admin("settings", fathom={"limits": False, "webhook_scale": 0.01})
        yield made


@pytest.fixture(autouse=True)
async def _hang_up(connected: Live) -> AsyncIterator[None]:
    """In place of the folder's own, which wants another stack."""
    yield
    await connected.hang_up()


async def card_of(caller: Caller) -> dict[str, Any]:
    return dict((await caller.http.get("/api/sources/fathom")).json())


async def connect(caller: Caller, user: str) -> dict[str, Any]:
    """Through the consent page and back, with the cookies of one browser; answers the account."""

    async def begun() -> httpx.Response | None:
        answer = await caller.http.post("/api/sources/fathom/connect", json={})
        return answer if answer.status_code == 202 else None

    url = (await eventually(begun, within=60)).json()["authorize_url"]
    consent = await caller.http.get(f"{url}&sandbox_consent=accept&sandbox_user={user}")
    back = await caller.http.get(consent.headers["location"])
    assert back.headers["location"].endswith("/?connected=fathom")

    async def synced() -> dict[str, Any] | None:
        accounts = (await card_of(caller))["accounts"]
        is_over = accounts and accounts[0]["job"] and accounts[0]["job"]["ended_at"]
        return dict(accounts[0]) if is_over and accounts[0]["webhook"]["state"] == "pushed" else None

    return await eventually(synced, within=90, every=0.2)


async def count(caller: Caller) -> int:
    return int((await card_of(caller))["count"])


async def reaches(caller: Caller, wanted: int) -> None:
    async def there() -> bool:
        return await count(caller) == wanted

    await eventually(there, within=60, every=0.2)


async def test_connecting_imports_by_itself_and_a_pushed_call_follows(connected: Live, world: World) -> None:
    caller = await connected.sign_up()
    account = await connect(caller, "tom")
    before = account["count"]

    assert (account["status"], account["email"]) == ("active", "tom@larkfield.example")
    assert before == account["job"]["imported"] > 3
    await world.admin("meetings", source="fathom", host="tom", title="A call just now", webhooks=True)
    await reaches(caller, before + 1)
    titles = [one["title"] for one in (await caller.http.get("/api/recordings")).json()["recordings"]]
    assert titles[0] == "A call just now"
    assert len(await connected.created(caller.id)) == before + 1

    again = (await caller.http.post(f"/api/accounts/{account['id']}/sync")).json()["job"]
    ended = await caller.job(again["id"])
    assert (ended["status"], ended["found"], ended["failed"]) == ("completed", 0, 0)
    await connected.assert_books_balance(caller.id)


async def test_what_is_pushed_to_a_paused_account_waits_and_comes_when_it_is_resumed(
    connected: Live, world: World
) -> None:
    caller = await connected.sign_up()
    account = await connect(caller, "petra")
    path, before = f"/api/accounts/{account['id']}", account["count"]
    assert (await caller.http.patch(path, json={"paused": True})).json()["status"] == "paused"
    await world.admin("meetings", source="fathom", host="petra", title="While away", webhooks=True)

    async def waits() -> bool:
        return bool((await caller.http.get(path)).json()["waiting"] == 1)

    await eventually(waits, within=60, every=0.2)
    assert await count(caller) == before
    assert (await caller.http.patch(path, json={"paused": False})).json()["status"] == "active"
    await reaches(caller, before + 1)
    assert (await caller.http.get(path)).json()["waiting"] == 0
    await connected.assert_books_balance(caller.id)


async def test_disconnecting_keeps_the_calls_and_takes_the_webhook_away(connected: Live, world: World) -> None:
    caller = await connected.sign_up()
    account = await connect(caller, "ines")
    assert (await caller.http.delete(f"/api/accounts/{account['id']}")).status_code == 204

    async def is_gone() -> bool:
        row = await connected.rows(
            "SELECT count(*) AS left FROM source_credentials WHERE account_id::text = $1", account["id"]
        )
        return bool(row[0]["left"] == 0)

    await eventually(is_gone, within=60, every=0.2)
    card = await card_of(caller)
    assert (card["count"], card["accounts"][0]["status"]) == (account["count"], "disconnected")
    answer = await caller.http.post(f"/webhooks/fathom/{account['id']}", content=b"{}")
    assert answer.status_code == 404
    assert await world.calls("fathom.webhook_delete") >= 1
