"""The list of topics says who writes and who reads each."""

from __future__ import annotations

import re

from pipeline_contracts import TOPICS, topic_of

NAME = re.compile(r"[a-z]+(\.[a-z_]+)+")
TYPE = re.compile(r"callvault(\.[a-z_]+)+\.v[1-9][0-9]*")


def test_every_topic_has_producers_consumers_messages_and_a_key() -> None:
    for topic in TOPICS:
        assert topic.producers, topic.name
        assert topic.consumers, topic.name
        assert topic.messages, topic.name
        assert topic.key in ("owner", "account", "source"), topic.name
        assert topic.partitions >= 1, topic.name
        assert topic.keep.total_seconds() > 0, topic.name


def test_names_of_topics_and_types_obey_their_patterns_and_are_unique() -> None:
    assert all(NAME.fullmatch(topic.name) for topic in TOPICS)
    assert all(not topic.name.endswith(".dead") for topic in TOPICS)
    types = [model.event_type for topic in TOPICS for model in topic.messages]
    assert all(TYPE.fullmatch(kind) for kind in types)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert len(set(types)) == len(types)


def test_each_message_travels_on_one_topic_which_knows_it_by_its_type() -> None:
    for topic in TOPICS:
        for model in topic.messages:
            assert topic_of(model) is topic
            assert topic.model(model.event_type) is model
        assert topic.model(None) is None
        assert topic.model("callvault.unheard.of.v1") is None


def test_what_a_service_reads_to_act_on_it_has_dead_letters() -> None:
    workers = {"recorder", "transcriber"}
    for topic in TOPICS:
        assert topic.dead_letters == bool(workers & set(topic.consumers)), topic.name
        assert topic.dead == f"{topic.name}.dead"
