"""The AsyncAPI 3 document, made from the contracts: topics, messages, headers."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from pipeline_contracts import ALL_TOPICS, Message, Topic

_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "Derived from the fact: a repetition has the same."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "description": "The service that says it."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "ce_jobid": {"type": "string", "format": "uuid"},
        "ce_itemid": {"type": "string", "format": "uuid"},
        "ce_attempt": {"type": "string", "description": "The item's attempt, in decimal."},
    },
}


def document(prefix: str = "", version: str = "1") -> dict[str, Any]:
    """All channels; `prefix` goes before every topic's name."""
    models = [model for topic in ALL_TOPICS for model in topic.messages]
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CallVault import pipeline",
            "version": version,
            "description": "Messages are JSON; CloudEvents 1.0 attributes travel as Kafka headers "
            "(binary mode). Any message may come twice, late or out of order.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, prefix) for topic in ALL_TOPICS},
        "operations": {topic.name: _operation(topic) for topic in ALL_TOPICS},
        "components": {
            "messages": {model.__name__: _message(model) for model in models},
            "schemas": {**schemas["$defs"], "CloudEventHeaders": _HEADERS},
        },
    }


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    names = [model.__name__ for model in topic.messages]
    address = prefix + (topic.of_source("{source}").name if topic.per_source else topic.name)
    keep = {"retention.ms": int(topic.keep.total_seconds() * 1000)}
    settings = {"cleanup.policy": ["compact"]} if topic.compacted else keep
    writers, readers = ", ".join(topic.producers), ", ".join(topic.consumers)
    return {
        "address": address,
        **({"parameters": {"source": {"description": "The source's name."}}} if topic.per_source else {}),
        "description": f"From {writers} to {readers}. Keyed by {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": topic.partitions,
                "topicConfiguration": settings,
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{topic.name}"}}


def _message(model: type[Message]) -> dict[str, Any]:
    return {
        "name": model.event_type,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
