"""The list of topics says who writes and who reads each."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from pipeline_contracts import ALL_TOPICS, SOURCE_COMMANDS, CancelRequested, Envelope, encode, topic_of

NAME = re.compile(r"[a-z]+(\.[a-z_]+)+")
TYPE = re.compile(r"callvault(\.[a-z_]+)+\.v[1-9][0-9]*")


def test_every_topic_has_producers_consumers_messages_and_a_key() -> None:
    for topic in ALL_TOPICS:
        assert topic.producers, topic.name
        assert topic.consumers, topic.name
        assert topic.messages, topic.name
        assert topic.key in ("owner", "account", "source"), topic.name
        assert topic.partitions >= 1, topic.name
        assert topic.keep.total_seconds() > 0, topic.name


def test_names_of_topics_and_types_obey_their_patterns_and_are_unique() -> None:
    assert all(NAME.fullmatch(topic.name) for topic in ALL_TOPICS)
    assert all(not topic.name.endswith(".dead") for topic in ALL_TOPICS)
    types = [model.event_type for topic in ALL_TOPICS for model in topic.messages]
    assert all(TYPE.fullmatch(kind) for kind in types)
    assert len({topic.name for topic in ALL_TOPICS}) == len(ALL_TOPICS)
    assert len(set(types)) == len(types)


def test_each_message_travels_on_one_topic_which_knows_it_by_its_type() -> None:
    for topic in ALL_TOPICS:
        for model in topic.messages:
            assert topic_of(model) is topic
            assert topic.model(model.event_type) is model
        assert topic.model(None) is None
        assert topic.model("callvault.unheard.of.v1") is None


def test_what_a_service_reads_to_act_on_it_has_dead_letters() -> None:
    workers = {"recorder", "transcriber", "connectors"}
    for topic in ALL_TOPICS:
        assert topic.dead_letters == bool(workers & set(topic.consumers)), topic.name
        assert topic.dead == f"{topic.name}.dead"


def test_a_message_on_a_topic_of_each_source_names_the_source() -> None:
    message = CancelRequested(job_id=uuid4())
    envelope = Envelope(message.event_type, "/tests")
    assert encode(message, key="k", envelope=envelope, source="zoom").topic == "source.commands.zoom"
    with pytest.raises(ValueError, match=r"source\.commands is a topic of each source"):
        encode(message, key="k", envelope=envelope)
    assert SOURCE_COMMANDS.of_source("zoom").dead == "source.commands.zoom.dead"
