"""The contracts and the services agree: who is named exists, and nobody names a topic by himself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline_contracts import ALL_TOPICS, Topic

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("libs", "services") for path in ROOT.glob(f"{folder}/*/src/**/*.py"))


@pytest.mark.parametrize("topic", ALL_TOPICS, ids=lambda topic: topic.name)
def test_producers_and_consumers_are_services_of_this_repository(topic: Topic) -> None:
    named = {*topic.producers, *topic.consumers} - {"any service", "connectors"}
    assert named <= {path.name for path in ROOT.glob("services/*")}


def test_no_service_names_a_topic_or_a_type_by_itself() -> None:
    names = [topic.name for topic in ALL_TOPICS] + [
        m.event_type for topic in ALL_TOPICS for m in topic.messages
    ]
    quoted = re.compile("|".join(f"[\"']{re.escape(name)}(\\.dead)?[\"']" for name in names))
    contracts = ROOT / "libs/pipeline-contracts/src"
    guilty = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if not path.is_relative_to(contracts) and quoted.search(path.read_text())
    ]
    assert guilty == []
