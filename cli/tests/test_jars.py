"""The broker's jars: none but the recorded ones reach its class path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from callvault.embedded.jars import check_jars, class_path, jar_folder
from callvault.errors import CallvaultError


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    """The checked jars again, in a folder that the test may spoil."""
    return Path(shutil.copytree(jar_folder(), tmp_path / "jars"))


def test_the_class_path_is_the_recorded_jars(jars: Path) -> None:
    names = {Path(entry).name for entry in class_path(jars).split(os.pathsep)}
    assert {"kafka_2.13-4.2.0.jar", "kafka-clients-4.2.0.jar", "slf4j-simple-1.7.36.jar"} < names


def test_a_changed_a_missing_and_an_extra_jar_are_each_named(jars: Path) -> None:
    with (jars / "kafka-raft-4.2.0.jar").open("ab") as jar:
        jar.write(b"!")
    (jars / "re2j-1.8.jar").unlink()
    (jars / "evil-1.0.jar").write_bytes(b"")
    with pytest.raises(CallvaultError) as caught:
        check_jars(jars)
    assert caught.value.code == "jars_changed"
    assert "kafka-raft-4.2.0.jar has another SHA-256" in caught.value.message
    assert "re2j-1.8.jar is missing" in caught.value.message
    assert "evil-1.0.jar does not belong there" in caught.value.message


def test_without_jars_the_error_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(CallvaultError, match="make setup") as caught:
        check_jars(tmp_path / "nothing")
    assert caught.value.code == "jars_missing"
