"""Subscribers on a real Kafka: what passes, what is parked, and when the offset moves."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from faststream.exceptions import IncorrectState
from structlog.testing import capture_logs
from tests.support.eventually import eventually
from tests.support.road import NUDGES, Road, number_of, open_road
from tests.support.servers import Servers

from pipeline_contracts import Message, Unreadable
from pipeline_runtime import consume, deadletters, metrics
from pipeline_runtime.kafka import MAX_DEAD_LETTER_BYTES


@pytest.fixture
async def road(running_servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    monkeypatch.setattr(consume, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(deadletters, "HOLD_SECONDS", 0.02)
    with capture_logs():  # drawing the tracebacks would take most of the time
        async with open_road(running_servers.kafka) as made:
            yield made


def reasons(parked: object) -> list[str]:
    return [dict(one.headers)["dead_reason"].decode() for one in parked]  # type: ignore[attr-defined]


def held() -> float:
    return metrics.PARTITION_HELD.labels(NUDGES.name)._value.get()


class Desk:
    """A handler whose faults are set by number or switched on for all."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.tries: Counter[int] = Counter()
        self.faults: dict[int, list[Exception]] = defaultdict(list)
        self.always: dict[int, Exception] = {}
        self.broken = False

    async def handle(self, message: Message) -> None:
        number = number_of(message)
        self.tries[number] += 1
        if self.broken:
            raise RuntimeError("a broken deploy")
        if number in self.always:
            raise self.always[number]
        if self.faults[number]:
            raise self.faults[number].pop(0)
        self.done.append(number)


async def test_what_is_bad_is_parked_with_its_reason_and_origin_while_its_neighbours_pass(road: Road) -> None:
    desk = Desk()
    desk.faults[4] = [LookupError("once"), LookupError("twice")]
    desk.always = {5: KeyError("a bug"), 6: Unreadable("no_such_job", "refused by the handler")}
    await road.send(1)
    await road.send(2, value=b"\xff\xfe sesame")
    await road.send(3, kind="callvault.unheard.of.v1")
    for number in (4, 5, 6, 7):
        await road.send(number, owner=f"owner-{number}")
    async with road.reading(desk.handle):
        assert await road.reaches(7)
    assert desk.done == [1, 4, 7]
    assert (desk.tries[4], desk.tries[5], desk.tries[6]) == (3, consume.TRIES, 1)
    parked = await road.parked()
    assert reasons(parked) == ["invalid_message", "unknown_type", "internal_error", "no_such_job"]
    assert road.refused == reasons(parked)
    first = parked[0]
    headers = dict(first.headers)
    assert (first.key, first.value) == (b"ada", b"\xff\xfe sesame")
    assert headers["dead_origin"] == f"{road.name(NUDGES.name)}/0/1".encode()
    assert (headers["ce_id"], headers["ce_type"]) == (b"fact-2", b"callvault.import.discovery_ended.v1")
    assert b"sesame" not in headers["dead_detail"]


async def test_a_tombstone_and_a_message_without_headers_are_parked(road: Road) -> None:
    desk = Desk()
    await road.publisher.send_raw(NUDGES.name, b"ada", None, [])
    await road.publisher.send_raw(NUDGES.name, None, b"{}", [])
    await road.send(3)
    async with road.reading(desk.handle):
        assert await road.reaches(3)
    assert desk.done == [3]
    assert reasons(await road.parked()) == ["empty_message", "unknown_type"]


async def test_a_record_with_neither_key_nor_value_can_be_parked_too(road: Road) -> None:
    await deadletters.park(
        road.publisher, NUDGES, key=None, value=None, headers=[], origin="t/0/0", reason="empty_message"
    )
    assert reasons(await road.parked()) == ["empty_message"]


async def test_what_only_compression_made_fit_is_cut_and_its_length_noted(road: Road) -> None:
    much = b"\0" * (MAX_DEAD_LETTER_BYTES + 1)
    producer = AIOKafkaProducer(
        bootstrap_servers=road.settings.kafka_bootstrap_servers, compression_type="zstd",
        max_request_size=4 * len(much),
    )  # fmt: skip
    await producer.start()
    headers = [("x", b"kept"), ("y", much)]
    await producer.send_and_wait(road.name(NUDGES.name), much, much, partition=0, headers=headers)
    await producer.stop()
    await road.send(2)
    desk = Desk()
    async with road.reading(desk.handle):
        assert await road.reaches(2)
    assert desk.done == [2]
    (letter,) = await road.parked()
    length = str(len(much)).encode()
    told = dict(letter.headers)
    assert (told["dead_value_bytes"], told["dead_key_bytes"]) == (length, length)
    assert (told["dead_headers_bytes"], told["x"]) == (str(len(much) + 6).encode(), b"kept")
    assert (len(letter.value), len(letter.key)) == (deadletters.LONGEST_VALUE, deadletters.LONGEST_KEY)


async def test_what_no_compression_makes_smaller_is_parked_at_its_full_cut_length(road: Road) -> None:
    noise = os.urandom(MAX_DEAD_LETTER_BYTES)
    await deadletters.park(
        road.publisher, NUDGES, key=noise, value=noise, headers=[("x", noise[: deadletters.LONGEST_HEADERS - 1])],
        origin="t/0/0", reason="internal_error", detail="x" * 600,
    )  # fmt: skip
    (letter,) = await road.parked()
    assert letter.value == noise[: deadletters.LONGEST_VALUE]
    assert "dead_headers_bytes" not in dict(letter.headers)


async def test_a_dead_letter_that_is_parked_again_names_its_last_reason_alone(road: Road) -> None:
    headers = [("ce_type", b"unheard.of"), ("dead_reason", b"an_older_one"), ("dead_origin", b"elsewhere/0/0")]
    await road.publisher.send_raw(NUDGES.name, b"ada", b"{}", headers)
    async with road.reading(Desk().handle):
        assert await road.reaches(1)
    (letter,) = await road.parked()
    assert [name for name, _ in letter.headers] == ["ce_type", "dead_reason", "dead_detail", "dead_origin"]
    assert reasons([letter]) == ["unknown_type"]


async def test_the_offset_does_not_move_before_the_dead_letter_is_confirmed(road: Road) -> None:
    desk = Desk()
    await road.admin.delete_topics([road.name(NUDGES.dead)])
    await road.send(1)
    await road.send(2, value=b"junk")
    await road.send(3)

    async def parking() -> bool:
        return bool(road.refused)

    async with road.reading(desk.handle):
        await eventually(parking)
        assert (desk.done, await road.committed()) == ([1], 1)
        await road.make(NUDGES.dead)
        assert await road.reaches(3)
    assert desk.done == [1, 3]
    assert reasons(await road.parked()) == ["invalid_message"]


async def test_errors_that_pass_are_waited_out_and_never_parked(road: Road) -> None:
    desk = Desk()
    desk.faults[1] = [ConnectionError() for _ in range(5 * consume.TRIES)]
    desk.faults[2] = [LookupError(), ConnectionError(), LookupError(), ConnectionError()]
    await road.send(1)
    await road.send(2)
    async with road.reading(desk.handle, passing=lambda error: isinstance(error, OSError)):
        assert await road.reaches(2)
    assert desk.done == [1, 2]
    assert desk.tries == {1: 5 * consume.TRIES + 1, 2: 5}
    assert await road.parked() == []


async def test_errors_of_three_owners_in_a_row_hold_the_topic_until_the_fault_is_gone(road: Road) -> None:
    desk = Desk()
    desk.broken = True
    for number, owner in enumerate(("ada", "ada", "bob", "cyd", "dan", "eve"), 1):
        await road.send(number, owner=owner)

    async def tried_again_and_again() -> bool:
        return desk.tries[4] >= 6 * consume.TRIES

    async with road.reading(desk.handle):
        await eventually(tried_again_and_again)
        assert held() == 1
        assert reasons(await road.parked()) == ["internal_error"] * 3  # ada's two and bob's
        assert await road.committed() == 3
        assert desk.tries.keys() == {1, 2, 3, 4}
        desk.broken = False
        assert await road.reaches(6)
        assert held() == 0
    assert desk.done == [4, 5, 6]
    assert len(await road.parked()) == 3


def test_each_reader_of_a_topic_holds_it_by_itself() -> None:
    one, other = deadletters.Suspicion(NUDGES), deadletters.Suspicion(NUDGES)
    before = held()
    for owner in (b"ada", b"bob", b"cyd", b"cyd"):
        one.unexpected(owner)
        other.unexpected(owner)
    assert held() == before + 2
    other.worked()
    other.worked()
    assert held() == before + 1
    one.worked()
    assert held() == before


async def test_the_junk_of_one_owner_never_holds_the_topic(road: Road) -> None:
    desk = Desk()
    for number in range(1, 7):
        desk.always[number] = KeyError("a bug")
        await road.send(number, owner="eve")
    await road.send(7, owner="ada")
    for number, owner in enumerate(("bob", "cyd"), 8):  # with eve, three; but ada's went through between
        desk.always[number] = KeyError("a bug")
        await road.send(number, owner=owner)
    await road.send(10)
    async with road.reading(desk.handle):
        assert await road.reaches(10)
        assert held() == 0
    assert desk.done == [7, 10]
    assert reasons(await road.parked()) == ["internal_error"] * 8


async def test_a_broker_of_subscribers_has_no_producer(road: Road) -> None:
    broker = road.broker(Desk().handle)
    await broker.start()
    try:
        with pytest.raises(IncorrectState):
            await broker.publish(b"", road.name(NUDGES.name))
    finally:
        await broker.stop()
