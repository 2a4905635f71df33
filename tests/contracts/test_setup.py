"""Set-up: the installer follows this machine's pip, and the Makefile explains itself."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[2]
_INDEX = "https://packages.example/simple"


@pytest.fixture
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", _ROOT / "requirements" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one file that pip reads."""
    file = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return file


def test_the_installer_uses_the_index_and_certificates_of_pip(install: ModuleType, pip_file: Path) -> None:
    pip_file.write_text(
        f"[global]\nindex-url = {_INDEX}\ncert = /etc/ca.pem\nextra-index-url =\n    {_INDEX}/a\n    {_INDEX}/b\n"
    )
    environment = install.uv_environment(install.pip_settings(), {})
    assert environment["UV_DEFAULT_INDEX"] == _INDEX
    assert environment["UV_INDEX"] == f"{_INDEX}/a {_INDEX}/b"
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"


def test_variables_win_over_pips_file_and_uvs_own_over_both(
    install: ModuleType, pip_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_file.write_text(f"[global]\nindex-url = {_INDEX}\n")
    monkeypatch.setenv("PIP_INDEX_URL", f"{_INDEX}/of-the-variable")
    settings = install.pip_settings()
    assert install.uv_environment(settings, {})["UV_DEFAULT_INDEX"] == f"{_INDEX}/of-the-variable"
    assert install.uv_environment(settings, {"UV_DEFAULT_INDEX": "mine"})["UV_DEFAULT_INDEX"] == "mine"


def test_without_any_settings_the_installer_is_left_alone(install: ModuleType) -> None:
    assert set(install.uv_environment({}, {})) <= {"UV_SYSTEM_CERTS"}


def test_make_alone_prints_every_command() -> None:
    told = subprocess.run(["make"], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    named = {line.split()[1] for line in told.splitlines()}
    assert {"setup", "demo", "up", "down", "test", "check", "bench-recorder"} <= named


def test_make_lets_python_keep_what_it_has_compiled(tmp_path: Path) -> None:
    probe = tmp_path / "Makefile"
    probe.write_text(f"include {_ROOT}/Makefile\nprobe:\n\t@echo [$$PYTHONDONTWRITEBYTECODE]\n")
    told = subprocess.run(
        ["make", "--no-print-directory", "-f", probe, "probe"],
        cwd=_ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "[]\n"


def test_the_continuous_integration_runs_the_tests_and_nothing_else() -> None:
    lines = (_ROOT / ".ci" / "run").read_text().splitlines()
    assert lines == ["#!/usr/bin/env bash", "set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]
