"""The embedded database: whose it is, who may enter, and what it survives."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from callvault.embedded.place import data_folder, unprivileged_user
from callvault.embedded.postgres import Postgres

from .command import wait_for


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres") / "home")
    server.start()
    yield server
    server.remove()


async def test_the_owner_enters_with_its_password_and_nobody_without(postgres: Postgres) -> None:
    owner = await asyncpg.connect(postgres.url_for("callvault_owner"))
    assert await owner.fetchval(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'callvault'"
    ) == ("callvault_owner")
    assert await owner.fetchrow(
        "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    ) == (
        False,
        True,
    )
    await owner.close()
    password = postgres.home.secret("callvault_owner")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url_for("callvault_owner").replace(password, "wrong"))


def test_the_passwords_are_readable_by_their_owner_alone(postgres: Postgres) -> None:
    assert stat.S_IMODE((postgres.home.path / "secrets.json").stat().st_mode) == 0o600


async def test_what_was_committed_is_there_after_a_kill(postgres: Postgres) -> None:
    owner = await asyncpg.connect(postgres.url_for())
    await owner.execute("CREATE TABLE kept (word text)")
    await owner.execute("INSERT INTO kept VALUES ('still here')")
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    owner.terminate()
    wait_for(lambda: postgres.pid is None)
    postgres.start()
    owner = await asyncpg.connect(postgres.url_for())
    assert await owner.fetchval("SELECT word FROM kept") == "still here"
    await owner.execute("DROP TABLE kept")
    await owner.close()


def test_a_pid_file_whose_number_is_now_another_program_does_not_keep_it_down(postgres: Postgres) -> None:
    postgres.stop()
    pid_file = data_folder(postgres.home, unprivileged_user()) / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    postgres.start()
    assert postgres.run_sql("SELECT 1").strip() == "1"


def test_a_home_that_its_user_cannot_enter_keeps_its_data_outside(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "home")
    user = unprivileged_user()
    folder = data_folder(server.home, user)
    try:
        assert folder.is_relative_to(closed) == (user is None)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert folder.owner() == (user.name if user else closed.owner())
    finally:
        server.remove()
    assert not folder.exists()
