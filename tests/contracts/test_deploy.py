"""What is deployed fits the code: the containers' settings, the board's metrics, the alerts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from ingest_gateway.settings import GatewaySettings
from pipeline_runtime import metrics
from pipeline_runtime.kafka import MAX_DEAD_LETTER_BYTES
from pipeline_runtime.settings import DatabaseSettings, KafkaSettings, Settings
from recorder.settings import RecorderSettings
from transcriber.settings import TranscriberSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HADOLINT = Path(sys.executable).with_name("hadolint")
COMPOSE = Path(str(files("compose"))) / "docker-compose"  # the console script loses the exit code
SETTINGS: dict[str, tuple[type[Settings], ...]] = {
    "ingest-gateway": (GatewaySettings,),
    "recorder": (RecorderSettings,),
    "transcriber": (TranscriberSettings,),
    "migrate": (DatabaseSettings, KafkaSettings),
}
OWN_DATABASES = {
    "ingest-gateway": {"GATEWAY_DATABASE_URL", "INTAKE_DATABASE_URL"},
    "recorder": {"RECORDER_DATABASE_URL"},
    "transcriber": {"TRANSCRIBER_DATABASE_URL"},
}
ENGINE_SECRETS = {"OPENAI_API_KEY", "TRANSCRIBER_API_KEY"}
METRIC = re.compile(r"\bcallvault_\w+")
LABELS = re.compile(r"\b(?:by|on) \(([^)]*)\)|(\w+)=~?\"")
FROM_SCRAPES = {"job", "instance", "le"}


def run(*command: str | Path, environment: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def passwords() -> dict[str, str]:
    """A value for every variable that the compose file insists on."""
    names = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    return {name: f"secret-of-{name.lower()}" for name in names}


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    """The compose file as compose reads it."""
    told = run(COMPOSE, "config", "--format", "json", environment=os.environ | passwords())
    assert told.returncode == 0, told.stderr
    read: dict[str, Any] = json.loads(told.stdout)
    return read


def services() -> set[str]:
    """Every folder that can be run."""
    return {path.parents[2].name for path in ROOT.glob("services/*/src/*/__main__.py")}


def test_compose_refuses_to_start_without_passwords() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in passwords()}
    told = run(COMPOSE, "--env-file", os.devnull, "config", "--quiet", environment=environment)
    assert told.returncode != 0
    assert "PASSWORD" in told.stderr


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    told = run(HADOLINT, "deploy/Dockerfile")
    assert (told.returncode, told.stdout) == (0, "")


def test_every_service_has_a_container_built_from_its_folder(stack: dict[str, Any]) -> None:
    ours = {name: one for name, one in stack["services"].items() if "build" in one}
    assert set(ours) - {"migrate"} == services()
    for name in services():
        assert ours[name]["build"]["args"]["SERVICE"] == name
        assert ours[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_a_container_is_given_only_variables_that_its_service_reads(stack: dict[str, Any]) -> None:
    for name, classes in SETTINGS.items():
        read = {field.upper() for settings in classes for field in settings.model_fields}
        assert set(stack["services"][name]["environment"]) <= read, name


def test_a_container_is_given_no_secrets_but_its_own(stack: dict[str, Any]) -> None:
    for name, own in OWN_DATABASES.items():
        given = set(stack["services"][name]["environment"])
        assert {variable for variable in given if variable.endswith("DATABASE_URL")} == own
        assert (name == "transcriber") == bool(given & ENGINE_SECRETS)


def test_nothing_is_published_beyond_this_machine(stack: dict[str, Any]) -> None:
    ports = [port for service in stack["services"].values() for port in service.get("ports", [])]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_the_broker_takes_the_largest_dead_letter_and_makes_no_topic_by_itself(stack: dict[str, Any]) -> None:
    kafka = stack["services"]["kafka"]["environment"]
    assert int(kafka["KAFKA_MESSAGE_MAX_BYTES"]) >= MAX_DEAD_LETTER_BYTES
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_what_is_mounted_from_the_repository_is_there(stack: dict[str, Any]) -> None:
    mounts = [mount for service in stack["services"].values() for mount in service.get("volumes", [])]
    bound = [Path(mount["source"]) for mount in mounts if mount["type"] == "bind"]
    assert bound
    assert [path for path in bound if not path.exists()] == []


def test_every_service_is_scraped() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    names = {name for job in scraped for found in job["dns_sd_configs"] for name in found["names"]}
    assert names == services()


def series() -> dict[str, set[str]]:
    """Every series that a service may show, with its labels."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            found |= {family.name + ending: set(metric._labelnames) for ending in endings}
    return found


def board() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "import-progress.json").read_text())
    return read


def queries() -> Iterator[tuple[str, str]]:
    """Every expression of the board and of the alerts, with where it stands."""
    for panel in board()["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])


def test_every_metric_of_the_board_and_the_alerts_is_one_that_services_show() -> None:
    for place, query in queries():
        named = set(METRIC.findall(query))
        assert named <= set(series()), place
        assert named or "up" in query, place


def test_every_label_that_is_grouped_or_filtered_by_is_one_of_its_metric() -> None:
    for place, query in queries():
        known = set().union(*(series()[name] for name in METRIC.findall(query)), FROM_SCRAPES)
        for listed, filtered in LABELS.findall(query):
            assert {*listed.replace(" ", "").split(","), filtered} - {""} <= known, place


def test_every_metric_is_on_the_board() -> None:
    shown = " ".join(query for _, query in queries())
    assert [name for name in series() if name.removesuffix("_sum").removesuffix("_count") not in shown] == []


def test_every_panel_says_what_it_shows_and_asks_the_provisioned_source() -> None:
    provisioned = (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    (source,) = yaml.safe_load(provisioned)["datasources"]
    panels = [panel for panel in board()["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board()["panels"]}) == len(board()["panels"])
    for panel in panels:
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == source["uid"]
        assert all(target["datasource"]["uid"] == source["uid"] for target in panel["targets"])
