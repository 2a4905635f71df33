"""Libraries that ask by themselves: they are led to the address in use, and elsewhere to public ones alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.answering import Answering, Reply, answering

from pipeline_runtime.connectors.libraries import LibrarySession, led
from pipeline_runtime.failures import ItemProblem

REAL = "https://www.provider.example"


@pytest.fixture
def source() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture
def inner() -> Iterator[Answering]:
    """A server that is nobody's business."""
    with answering() as server:
        yield server


def test_the_real_address_leads_to_the_one_in_use(source: Answering) -> None:
    with LibrarySession(REAL, source.url) as session:
        assert session.get(f"{REAL}/watch?v=1").json() == {"ok": True}
        assert session.get(f"{source.url}/words").ok
    assert [asked.path for asked in source.asked] == ["/watch?v=1", "/words"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_other_private_address_is_asked(source: Answering, inner: Answering, host: str) -> None:
    with LibrarySession(REAL, source.url) as session, pytest.raises(ItemProblem) as raised:
        session.get(inner.url.replace("127.0.0.1", host))
    assert (raised.value.code, inner.asked) == ("address_refused", [])


def test_neither_is_one_that_a_redirect_leads_to(source: Answering, inner: Answering) -> None:
    source.script = [Reply({}, 302, {"Location": f"{inner.url}/secret"})]
    with LibrarySession(REAL, source.url) as session, pytest.raises(ItemProblem) as raised:
        session.get(f"{REAL}/watch")
    assert (raised.value.code, inner.asked) == ("address_refused", [])


def test_where_the_real_address_is_in_use_it_has_to_be_public_as_well(inner: Answering) -> None:
    with LibrarySession(inner.url, inner.url) as session, pytest.raises(ItemProblem):
        session.get(inner.url)
    assert inner.asked == []


@dataclass
class Request:
    """As a library makes one."""

    url: str


def test_a_function_that_asks_is_led_the_same_way(source: Answering, inner: Answering) -> None:
    asked: list[object] = []
    ask = led(asked.append, REAL, source.url)
    ask(f"{REAL}/page")
    ask(request := Request(f"{REAL}/page"))
    assert asked == [f"{source.url}/page", request]
    assert request.url == f"{source.url}/page"
    for refused in (inner.url, Request(inner.url)):
        with pytest.raises(ItemProblem):
            ask(refused)
    assert len(asked) == 2
