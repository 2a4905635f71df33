"""What is deployed fits the code: the containers' settings, the board's metrics, the alerts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from tests.support.board import Query, alert_queries, board, panel_queries

from ingest_gateway.settings import GatewaySettings
from pipeline_runtime import metrics
from pipeline_runtime.connectors.keys import KeyRing
from pipeline_runtime.connectors.settings import KitSettings
from pipeline_runtime.kafka import MAX_DEAD_LETTER_BYTES
from pipeline_runtime.settings import DatabaseSettings, KafkaSettings, Settings, connector_urls
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
BUCKET = {  # read by the library that speaks to it
    "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SERVER_SIDE_ENCRYPTION",
    "AWS_SSE_KMS_KEY_ID",
}  # fmt: skip
ENGINE_SECRETS = {"OPENAI_API_KEY", "TRANSCRIBER_API_KEY"}
INVENTED = "acme-notes-connector"
LABELS = re.compile(r"\b(?:by|on) \(([^)]*)\)|(\w+)=~?\"")
FROM_SCRAPES = {"job", "instance", "le"}


def run(
    *command: str | Path, folder: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def add_service(checkout: Path, name: str) -> None:
    package = checkout / "services" / name / "src" / name.replace("-", "_")
    package.mkdir(parents=True)
    (package / "__main__.py").touch()


def make_environment(checkout: Path) -> dict[str, str]:
    """Run the script; what .env says."""
    told = run("sh", "deploy/new-environment.sh", folder=checkout)
    assert told.returncode == 0, told.stderr
    return dict(line.split("=", 1) for line in (checkout / ".env").read_text().splitlines())


def compose(checkout: Path) -> dict[str, Any]:
    """The files as compose reads them."""
    told = run(COMPOSE, "config", "--format", "json", folder=checkout)
    assert told.returncode == 0, told.stderr
    read: dict[str, Any] = json.loads(told.stdout)
    return read


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deploying needs of this repository, with the folders of its services and one more."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("connectors.yml"))
    shutil.copy(ROOT / "docker-compose.yml", folder)
    for name in sorted(services()):
        add_service(folder, name)
    make_environment(folder)
    return folder


@pytest.fixture(scope="module")
def stack(checkout: Path) -> dict[str, Any]:
    """The containers as compose reads them."""
    return compose(checkout)


def services() -> set[str]:
    """Every folder that can be run."""
    return {path.parents[2].name for path in ROOT.glob("services/*/src/*/__main__.py")}


def connectors() -> set[str]:
    return {name for name in services() if name.endswith("-connector")}


def prefix(connector: str) -> str:
    return connector.removesuffix("connector").replace("-", "_").upper()


def test_compose_refuses_to_start_without_passwords(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    told = run(COMPOSE, "--env-file", os.devnull, "config", "--quiet", folder=tmp_path)
    assert told.returncode != 0
    assert "run deploy/new-environment.sh" in told.stderr


def test_a_new_source_gets_its_container_and_what_was_made_before_stays(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(checkout, folder)
    before = make_environment(folder)
    add_service(folder, INVENTED)
    after = make_environment(folder)
    assert before.items() < after.items()
    assert set(after) - set(before) == {"ACME_NOTES_CONNECTOR_PASSWORD"}
    assert len(set(after.values())) == len(after)

    read = compose(folder)["services"]
    assert read[INVENTED]["build"]["args"] == {"SERVICE": INVENTED}
    migrating = connector_urls(read["migrate"]["environment"])
    assert str(migrating["callvault_connector_acme_notes"]).startswith(
        "postgresql://callvault_connector_acme_notes:"
    )
    assert (folder / ".env").stat().st_mode & 0o077 == 0


def test_the_keys_are_such_as_the_services_take(checkout: Path) -> None:
    made = make_environment(checkout)
    for name in ("CREDENTIALS_KEYS", "WEBHOOK_KEYS"):
        ring = KeyRing(made[name])
        assert ring.decrypt(ring.encrypt({"word": "x"})) == {"word": "x"}


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    told = run(HADOLINT, "deploy/Dockerfile")
    assert (told.returncode, told.stdout) == (0, "")


def test_every_service_has_a_container_built_from_its_folder(stack: dict[str, Any]) -> None:
    ours = {name: one for name, one in stack["services"].items() if "build" in one}
    assert set(ours) - {"migrate"} == services()
    for name in services():
        assert ours[name]["build"]["args"]["SERVICE"] == name
        assert ours[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert ours[name]["cap_drop"] == ["ALL"]


def test_a_container_is_given_only_variables_that_its_service_reads(stack: dict[str, Any]) -> None:
    for name, classes in SETTINGS.items():
        read = {field.upper() for settings in classes for field in settings.model_fields}
        read |= BUCKET if "STORAGE_URL" in read else set()
        given = set(stack["services"][name]["environment"])
        assert {one for one in given if not one.endswith("_CONNECTOR_DATABASE_URL")} <= read, name
    read = {field.upper() for field in KitSettings.model_fields} | BUCKET
    for name in connectors():
        given = set(stack["services"][name]["environment"])
        assert {one for one in given if not one.startswith(prefix(name))} <= read, name


def test_a_container_is_given_no_secrets_but_its_own(stack: dict[str, Any]) -> None:
    databases = OWN_DATABASES | {name: {f"{prefix(name)}CONNECTOR_DATABASE_URL"} for name in connectors()}
    assert set(databases) == services()
    for name, own in databases.items():
        given = set(stack["services"][name]["environment"])
        assert {variable for variable in given if variable.endswith("DATABASE_URL")} == own
        assert (name == "transcriber") == bool(given & ENGINE_SECRETS)
        assert (name == "recorder") == ("AWS_SECRET_ACCESS_KEY" not in given)
        assert ("CREDENTIALS_KEYS" in given) == (name in connectors())
        assert ("WEBHOOK_KEYS" in given) == (name == "ingest-gateway" or name in connectors())
        strange = {one for one in given if one.endswith(("_CLIENT_SECRET", "_WEBHOOK_SECRET"))}
        assert all(one.startswith(prefix(name)) for one in strange), name


def test_a_connector_reaches_its_database_by_the_role_that_migration_makes(stack: dict[str, Any]) -> None:
    made = connector_urls(stack["services"]["migrate"]["environment"])
    for name in connectors():
        [(role, url)] = connector_urls(stack["services"][name]["environment"]).items()
        assert made[role] == url
        assert url.hosts()[0]["username"] == role


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


def test_every_service_is_scraped(stack: dict[str, Any]) -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    names = {name for job in scraped for found in job["dns_sd_configs"] for name in found["names"]}
    assert names == services() - connectors() | {"connectors"}
    for name in connectors():
        assert "connectors" in stack["services"][name]["networks"]["default"]["aliases"]


def series() -> dict[str, set[str]]:
    """Every series that a service may show, with its labels."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            found |= {family.name + ending: set(metric._labelnames) for ending in endings}
    return found


def queries() -> list[Query]:
    """Every expression of the board and of the alerts."""
    return [*panel_queries(), *alert_queries()]


def test_every_metric_of_the_board_and_the_alerts_is_one_that_services_show() -> None:
    for query in queries():
        assert query.metrics <= set(series()), query.place
        assert query.metrics or "up" in query.expression, query.place


def test_every_label_that_is_grouped_or_filtered_by_is_one_of_its_metric() -> None:
    for query in queries():
        known = set().union(*(series()[name] for name in query.metrics), FROM_SCRAPES)
        for listed, filtered in LABELS.findall(query.expression):
            assert {*listed.replace(" ", "").split(","), filtered} - {""} <= known, query.place


def test_every_metric_is_on_the_board() -> None:
    shown = " ".join(query.expression for query in panel_queries())
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
