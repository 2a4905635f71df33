"""The client that connectors get: what it waits out, what it repeats, and where a token never goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import httpx
import pytest
from tests.support.answering import Answering, Reply, answering
from tests.support.database import MakeEngine

from pipeline_runtime.connectors import Budget, Http, Manifest, NotFound, ReconnectNeeded, Refused
from pipeline_runtime.connectors.access import HandedIn
from pipeline_runtime.connectors.addresses import make_client
from pipeline_runtime.connectors.budgets import Budgets
from pipeline_runtime.failures import ItemProblem, Transient

MANIFEST = Manifest("sample", "Sample", "", ("api_key",), {"api": ""}, budgets=(Budget("heavy", 4, per=60),))


@pytest.fixture
def source() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture
async def http(source: Answering, engine_of: MakeEngine) -> AsyncIterator[Http]:
    client = make_client(allow_private=True)
    budgets = Budgets(engine_of("callvault_connector_sample"), MANIFEST)
    access = HandedIn({"access_token": "the-token"}, "Authorization")
    yield Http(client, "sample", {"api": source.url}, budgets, access, account=uuid4())
    await client.aclose()


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


WAITS = {
    "seconds": lambda: {"Retry-After": "1"},
    "an HTTP date": lambda: {"Retry-After": format_datetime(in_seconds(2), usegmt=True)},
    "an ISO date": lambda: {"Retry-After": in_seconds(1).isoformat()},
    "the rest of the window": lambda: {"RateLimit-Reset": "1"},
}


@pytest.mark.parametrize("kind", WAITS)
async def test_a_429_is_waited_out_as_long_as_the_source_wants(
    http: Http, source: Answering, kind: str
) -> None:
    source.script = [Reply({}, 429, WAITS[kind]())]
    assert await http.get("/thing") == {"ok": True}
    assert len(source.asked) == 2


async def test_a_429_without_a_time_or_with_a_long_one_puts_the_task_back(
    http: Http, source: Answering
) -> None:
    source.script = [Reply({}, 429)]
    with pytest.raises(Transient) as caught:
        await http.get("/thing")
    assert (caught.value.code, caught.value.retry_after) == ("source_rate_limited", 30.0)
    with pytest.raises(Transient):  # nobody asks meanwhile
        await http.get("/thing")
    assert len(source.asked) == 1


async def test_a_page_of_errors_and_a_cut_connection_are_tried_again(http: Http, source: Answering) -> None:
    source.script = [Reply("<html>Bad gateway</html>", 502), Reply(cut=True)]
    assert await http.get("/thing") == {"ok": True}
    source.script = [Reply("", 503)] * 3
    with pytest.raises(Transient) as caught:
        await http.get("/thing")
    assert caught.value.code == "source_unavailable"


async def test_a_slow_answer_is_waited_for_and_one_that_takes_too_long_is_asked_for_again(
    http: Http, source: Answering
) -> None:
    source.script = [Reply({"slow": True}, delay=0.5)]
    assert await http.get("/thing") == {"slow": True}
    assert len(source.asked) == 1
    async with make_client(allow_private=True, silence=0.2) as hasty:
        hurried = replace(http, client=hasty, retry=0.1)
        source.script = [Reply({"slow": True}, delay=1)]
        assert await hurried.get("/thing") == {"ok": True}
        source.script = [Reply({}, delay=1)] * 3
        with pytest.raises(Transient) as caught:
            await hurried.get("/thing")
    assert caught.value.code == "source_unavailable"
    assert len(source.asked) == 1 + 2 + 3


async def test_an_answer_that_takes_twenty_seconds_is_not_too_slow() -> None:
    for allow_private in (True, False):
        async with make_client(allow_private=allow_private) as client:
            assert client.timeout.read is not None
            assert client.timeout.read > 20


async def test_what_may_have_been_done_is_not_sent_twice(http: Http, source: Answering) -> None:
    source.script = [Reply("", 502)]
    with pytest.raises(Transient):
        await http.post("/thing", {})
    assert len(source.asked) == 1


async def test_answers_of_the_400s_are_told_apart(http: Http, source: Answering) -> None:
    source.script = [Reply({}, 404), Reply({"code": 4711}, 403), Reply("nonsense", 400), Reply({}, 401)]
    with pytest.raises(NotFound):
        await http.get("/thing")
    with pytest.raises(Refused) as forbidden:
        await http.get("/thing")
    assert (forbidden.value.code, forbidden.value.told) == ("source_forbidden", {"code": 4711})
    with pytest.raises(Refused) as refused:
        await http.get("/thing")
    assert (refused.value.status, refused.value.told) == (400, None)
    with pytest.raises(ReconnectNeeded):
        await http.get("/thing")


async def test_an_answer_that_is_no_json_is_unreadable_and_says_nothing_of_it(
    http: Http, source: Answering
) -> None:
    source.script = [Reply("<html>secret words</html>")]
    with pytest.raises(Transient) as caught:
        await http.get("/thing")
    assert caught.value.code == "source_unreadable"
    assert "secret" not in str(caught.value)


async def test_the_token_goes_to_no_other_host(http: Http, source: Answering) -> None:
    with answering() as other:
        source.script = [Reply(None, 302, {"Location": f"{other.url}/file"})]
        assert await http.get("/thing") == {"ok": True}
        assert await http.get(f"{other.url}/straight") == {"ok": True}
        assert [("authorization" in one.headers) for one in other.asked] == [False, False]
    assert source.asked[0].headers["authorization"] == "Bearer the-token"


async def test_more_hosts_of_the_source_get_the_token_over_https_alone(http: Http) -> None:
    with_token: dict[str, bool] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        with_token[str(request.url)] = "the-token" in request.headers.get("authorization", "")
        return httpx.Response(200, json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as network:
        wider = replace(http, client=network, hosts=("calls.example",))
        own = ("https://calls.example/a", "https://us02.calls.example/a")
        others = (
            "http://calls.example/a", "https://evilcalls.example/a", "https://calls.example.evil.example/a",
            "https://calls.example@evil.example/a",
        )  # fmt: skip
        for url in (*own, *others):
            await wider.get(url)
    assert list(with_token.values()) == [True, True, False, False, False, False]


async def test_an_authorization_of_a_connector_goes_in_place_of_the_token_and_to_no_other_host(
    http: Http, source: Answering
) -> None:
    headers = {"Authorization": "Bearer for-one-file"}
    with answering() as other:
        source.script = [Reply(None, 302, {"Location": f"{other.url}/file"})]
        assert await http.get("/thing", headers=headers) == {"ok": True}
        assert "authorization" not in other.asked[0].headers
    assert source.asked[0].headers["authorization"] == "Bearer for-one-file"
    source.script = [Reply({}, 401)]
    with pytest.raises(Transient) as caught:  # the account's own token is as good as before
        await http.get("/thing", headers=headers)
    assert caught.value.code == "source_forbidden"
    assert len(source.asked) == 2


async def test_a_circle_of_redirects_ends(http: Http, source: Answering) -> None:
    source.default = Reply(None, 302, {"Location": "/again"})
    with pytest.raises(ItemProblem):
        await http.get("/thing")
    assert len(source.asked) <= 6


async def test_a_private_address_is_refused_even_behind_a_redirect(
    source: Answering, engine_of: MakeEngine
) -> None:
    client = make_client(allow_private=False)
    budgets = Budgets(engine_of("callvault_connector_sample"), MANIFEST)
    access = HandedIn({"api_key": "k"}, "X-Api-Key")
    guarded = Http(client, "sample", {"api": source.url}, budgets, access)
    for url in (f"{source.url}/thing", "http://localhost/", "http://169.254.169.254/meta", "http://[::1]/"):
        with pytest.raises(ItemProblem) as caught:
            await guarded.get(url)
        assert caught.value.code == "address_refused", url
    with pytest.raises(ItemProblem) as caught:
        await guarded.get("file:///etc/passwd")
    assert caught.value.code == "address_refused"
    assert source.asked == []
    await client.aclose()


async def test_a_budget_is_shared_and_a_part_of_it_is_kept_for_live_items(
    source: Answering, engine_of: MakeEngine
) -> None:
    """Twenty a minute: five at once, the fifth of them for live items alone."""
    manifest = Manifest("sample", "Sample", "", (), {"api": ""}, budgets=(Budget("heavy", 20, per=600),))
    account = uuid4()
    replicas = [Budgets(engine_of("callvault_connector_sample"), manifest) for _ in range(2)]
    for n in range(4):
        await replicas[n % 2].debit("heavy", account, live=False)
    with pytest.raises(Transient) as caught:
        await replicas[0].debit("heavy", account, live=False)
    assert caught.value.code == "source_rate_limited"
    assert caught.value.retry_after is not None
    assert 10 < caught.value.retry_after < 60
    await replicas[1].debit("heavy", account, live=True)
    with pytest.raises(Transient):
        await replicas[1].debit("heavy", account, live=True)
    await replicas[1].debit("heavy", uuid4(), live=False)  # another account's is its own
