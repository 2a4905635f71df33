"""What every answer has, and the documents that describe the API."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from tests.support.eventually import eventually
from tests.support.gateway import Gateway, settings_for

from ingest_gateway import asyncapi
from ingest_gateway.app import create_app
from pipeline_contracts import ALL_TOPICS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/me", 401, "not_signed_in"),
        ("PUT", "/api/jobs", 405, "method_not_allowed"),
        ("POST", "/api/session", 422, "invalid_request"),
        ("GET", f"/api/jobs/{UUID(int=1)}", 401, "not_signed_in"),
    ],
)
async def test_every_error_is_a_problem_with_a_code(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    answer = await gateway.anonymous().request(method, path, headers={"X-Request-ID": "request-12345"})
    problem = answer.json()

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:callvault:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"] == "request-12345"
    assert {"title", "detail"} <= set(problem)


async def test_a_surprise_is_a_problem_too_and_says_nothing_of_itself(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await gateway.client_of(await gateway.stack.person())

    async def surprise(*_: object, **__: object) -> None:
        raise RuntimeError("postgresql://callvault_web:password@host")

    monkeypatch.setattr("ingest_gateway.queries.jobs.list_jobs", surprise)
    answer = await client.get("/api/jobs")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "password" not in answer.text
    assert answer.headers["x-request-id"]


async def test_a_database_that_is_away_is_no_bug(gateway: Gateway, tmp_path: Path) -> None:
    nowhere = "postgresql://callvault_web:pw@127.0.0.1:1/callvault"
    settings = settings_for(gateway.stack, tmp_path, gateway_database_url=nowhere, intake_database_url=nowhere)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        client = Gateway(app, gateway.stack, tmp_path).anonymous()
        answer = await client.get("/api/me", headers={"Authorization": "Bearer cv_x"})

        async def only_databases_are_missing() -> bool:
            told = await client.get("/readyz")
            return told.status_code == 503 and set(told.json()["problems"]) == {"database", "intake"}

        await eventually(only_databases_are_missing)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]


async def test_answers_carry_safe_headers(gateway: Gateway) -> None:
    answer = await gateway.anonymous().get("/api/me", headers={"X-Request-ID": "not an id"})

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-request-id"] != "not an id"


async def test_a_body_over_the_limit_is_refused(gateway: Gateway) -> None:
    answer = await gateway.anonymous().post("/api/session", json={"email": "x" * 70_000, "password": "y"})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_it_says_how_it_is_and_measures_requests_by_template(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    await client.get(f"/api/jobs/{UUID(int=1)}")
    metrics = (await client.get("/metrics/")).text

    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"ready": True, "problems": {}}
    assert 'callvault_request_seconds_count{method="GET",route="/api/jobs/{job_id}",status="404"}' in metrics
    assert "/api/jobs/0" not in metrics


async def test_the_documents_need_nothing_from_elsewhere(gateway: Gateway) -> None:
    client = gateway.anonymous()
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text  # it works without a way out of this machine
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.get(path)).status_code == 200


async def test_openapi_names_every_route_with_its_problems(gateway: Gateway) -> None:
    document = (await gateway.anonymous().get("/openapi.json")).json()
    operations = {
        (method.upper(), path): one
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }

    assert {path for _, path in operations} >= {
        "/api/users", "/api/session", "/api/me", "/api/usage", "/api/tokens", "/api/imports/file", "/api/jobs",
        "/api/jobs/{job_id}", "/api/jobs/{job_id}/cancel", "/api/failures", "/api/failures/items",
        "/api/failures/retry", "/api/failures/{item_id}/retry", "/api/recordings", "/api/events", "/asyncapi",
        "/api/sources", "/api/sources/{source}/connect", "/oauth/{source}/callback", "/api/accounts/{account_id}",
        "/api/accounts/{account_id}/sync", "/api/imports/url", "/api/imports",
        "/api/jobs/{job_id}/items", "/api/failures/dismiss", "/api/failures/{item_id}/dismiss", "/api/sources/{source}",
        "/api/recordings/{recording_id}", "/api/recordings/{recording_id}/transcript", "/api/info", "/webhooks/{source}", "/webhooks/{source}/{account_id}",
    }  # fmt: skip
    for operation in operations.values():
        assert operation["summary"]
    stream = document["components"]["schemas"]["StreamEvents"]["properties"]
    assert set(stream) == {"snapshot", "progress", "activity", "source", "attempt", "connector"}
    upload = operations["POST", "/api/imports/file"]
    assert "multipart/form-data" in upload["requestBody"]["content"]
    assert set(upload["responses"]) >= {"202", "400", "401", "403", "408", "413", "415", "422", "503"}
    assert "HTTPValidationError" not in json.dumps(document)
    assert_references_resolve(document)


async def test_asyncapi_describes_every_topic_with_schemas_that_are_some(gateway: Gateway) -> None:
    document = (await gateway.anonymous().get("/asyncapi")).json()

    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {topic.name for topic in ALL_TOPICS}
    assert document["channels"]["import.fetch"]["address"].endswith("import.fetch.{source}")
    assert all(channel["address"].startswith(gateway.stack.prefix) for channel in document["channels"].values())
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert_references_resolve(document)
    assert_references_resolve(asyncapi.document())


def assert_references_resolve(document: dict[str, Any]) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                target: Any = document
                for step in reference.removeprefix("#/").split("/"):
                    target = target[step]
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(document)
