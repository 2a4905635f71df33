"""What each process is told: its own secrets, and nobody else's."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from callvault import ports
from callvault.checks.machine import user_check
from callvault.environment import ROLE_URLS, connector_roles, database_is_outside, service_environment
from callvault.errors import CallvaultError
from callvault.finding import find_services
from callvault.home import Home
from callvault.ports import is_free, remembered_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "MIGRATION_DATABASE_URL", *ROLE_URLS):
        monkeypatch.delenv(name, raising=False)
    home = Home(tmp_path / "home")
    for name in ("kafka", "postgres", "ingest-gateway"):
        remembered_port(home, name)
    return home


def test_a_service_gets_its_own_secrets_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the transcriber")
    monkeypatch.setenv("AUTH_JWT_SECRET", "of the gateway")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of all who keep audio")
    bucket = "AWS_SECRET_ACCESS_KEY"
    secret = {"OPENAI_API_KEY", "AUTH_JWT_SECRET", "MIGRATION_DATABASE_URL", bucket, *ROLE_URLS}

    def given(service: str) -> set[str]:
        return set(service_environment(home, service, 1)) & secret

    assert given("recorder") == {"RECORDER_DATABASE_URL"}
    assert given("transcriber") == {"TRANSCRIBER_DATABASE_URL", "OPENAI_API_KEY", bucket}
    assert given("ingest-gateway") == {"GATEWAY_DATABASE_URL", "INTAKE_DATABASE_URL", "AUTH_JWT_SECRET", bucket}
    assert given("some-connector") == {bucket}


def test_beside_a_bucket_half_of_a_file_lies_in_the_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "UPLOAD_FOLDER" not in service_environment(home, "ingest-gateway", 1)
    monkeypatch.setenv("STORAGE_URL", "s3://bucket/prefix")
    assert service_environment(home, "ingest-gateway", 1)["UPLOAD_FOLDER"] == str(home.folder("storage"))


def test_a_connector_gets_its_own_sources_secrets_and_the_key_rings(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    main = tmp_path / "my-calls-connector" / "src" / "my_calls_connector" / "__main__.py"
    main.parent.mkdir(parents=True)
    main.touch()
    monkeypatch.setenv("CALLVAULT_SERVICES_DIR", str(tmp_path))
    for name in ("MY_CALLS_CLIENT_SECRET", "MY_CALLS_WEBHOOK_SECRET", "ZOOM_CLIENT_SECRET", "MY_CALLS_API_URL"):
        monkeypatch.setenv(name, "x")
    given = service_environment(home, "my-calls-connector", 1)
    own = {"MY_CALLS_CLIENT_SECRET", "MY_CALLS_WEBHOOK_SECRET", "MY_CALLS_API_URL", "CREDENTIALS_KEYS",
           "WEBHOOK_KEYS", "MY_CALLS_CONNECTOR_DATABASE_URL"}  # fmt: skip

    assert own <= given.keys()
    assert not {"ZOOM_CLIENT_SECRET", "RECORDER_DATABASE_URL", "MIGRATION_DATABASE_URL"} & given.keys()
    assert "callvault_connector_my_calls:" in given["MY_CALLS_CONNECTOR_DATABASE_URL"]
    assert given["CREDENTIALS_KEYS"] != given["WEBHOOK_KEYS"]
    assert (home.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    gateway = service_environment(home, "ingest-gateway", 1)
    assert gateway["WEBHOOK_KEYS"] == given["WEBHOOK_KEYS"]
    assert not {"CREDENTIALS_KEYS", "MY_CALLS_CLIENT_SECRET"} & gateway.keys()
    assert not {"CREDENTIALS_KEYS", "WEBHOOK_KEYS"} & service_environment(home, "recorder", 1).keys()


def test_the_doctor_names_a_user_that_the_system_does_not_know(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {entry.pw_uid for entry in pwd.getpwall()}
    unknown = next(uid for uid in range(40_000, 60_000) if uid not in known)
    check = user_check(unknown)
    assert not check.ok
    assert str(unknown) in check.found
    assert "useradd" in check.remedy
    assert user_check(os.geteuid()).found == f"{pwd.getpwuid(os.geteuid()).pw_name} ({os.geteuid()})"
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://somebody@somewhere/database")
    assert user_check(unknown).ok


def test_an_outside_database_is_named_whole_or_not_at_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not database_is_outside()
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://somebody@somewhere/database")
    with pytest.raises(CallvaultError, match="RECORDER_DATABASE_URL") as caught:
        database_is_outside()
    assert caught.value.code == "database_urls_missing"


def test_a_port_is_kept_while_it_is_free(home: Home) -> None:
    port = remembered_port(home, "kafka")
    assert remembered_port(home, "kafka") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        assert remembered_port(home, "kafka") != port


def test_no_port_is_given_to_two_processes_that_live() -> None:
    first = ports.free_port()
    choose = f"from callvault import ports; ports._FIRST = ports._LAST = {first}; ports.free_port()"
    other = subprocess.run([sys.executable, "-c", choose], capture_output=True, text=True, check=False)
    assert "No free port" in other.stderr  # nobody listens there yet


def test_a_folder_with_a_main_module_is_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, package in (("zoom-connector", "zoom_connector"), ("notes", "other")):
        folder = tmp_path / name / "src" / package
        folder.mkdir(parents=True)
        (folder / "__main__.py").touch()
    monkeypatch.setenv("CALLVAULT_SERVICES_DIR", str(tmp_path))
    found = find_services()
    assert [(service.name, service.package) for service in found] == [("zoom-connector", "zoom_connector")]


def test_a_folder_whose_name_can_be_no_sources_gets_no_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good-connector", "Loud-connector", f"{'long' * 12}-connector"):
        main = tmp_path / name / "src" / name.replace("-", "_") / "__main__.py"
        main.parent.mkdir(parents=True)
        main.touch()
    monkeypatch.setenv("CALLVAULT_SERVICES_DIR", str(tmp_path))
    assert list(connector_roles()) == ["GOOD_CONNECTOR_DATABASE_URL"]
    assert len(find_services()) == 3
