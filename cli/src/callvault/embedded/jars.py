"""The broker's jars: fetched by coordinate, checked against recorded sums, kept in the environment."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from callvault.errors import CallvaultError

KAFKA_VERSION = "4.2.0"
_SET_UP = "Run `make setup` or `callvault setup`."


@dataclass(frozen=True)
class Jar:
    """One jar: its coordinate's three parts and the SHA-256 of the file in hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"


def pinned_jars() -> list[Jar]:
    """Every jar of the class path, as the package records it."""
    lines = (files("callvault.embedded") / "kafka-jars.txt").read_text().splitlines()
    return [_read_pin(line) for line in lines if line and not line.startswith("#")]


def _read_pin(line: str) -> Jar:
    coordinate, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def jar_folder() -> Path:
    """Where the checked jars lie: in the Python environment, for every user of it."""
    return Path(sys.prefix, "share", "callvault", f"kafka-{KAFKA_VERSION}")


def class_path(folder: Path | None = None) -> str:
    """Java's class path over the jars, after checking each. Raises `jars_missing` or `jars_changed`."""
    folder = folder or jar_folder()
    check_jars(folder)
    return os.pathsep.join(sorted(str(jar) for jar in folder.iterdir()))


def check_jars(folder: Path) -> None:
    """Compare the folder with the record: no jar missing, none too many, every sum right."""
    if not folder.is_dir():
        raise CallvaultError("jars_missing", f"Kafka is not set up: there is no {folder}.", _SET_UP)
    pinned = {jar.name: jar.sha256 for jar in pinned_jars()}
    present = {path.name for path in folder.iterdir()}
    wrong = [f"{name} is missing" for name in sorted(pinned.keys() - present)]
    wrong += [f"{name} does not belong there" for name in sorted(present - pinned.keys())]
    wrong += [
        f"{name} has another SHA-256 than the recorded one"
        for name in sorted(pinned.keys() & present)
        if _sha256(folder / name) != pinned[name]
    ]
    if wrong:
        remedy = f"Delete that folder. {_SET_UP}"
        raise CallvaultError("jars_changed", f"Kafka's jars in {folder}: {'; '.join(wrong)}.", remedy)


def fetch_jars(say: Callable[[str], None]) -> Path:
    """Make the folder of jars unless it is there and right; returns it. Safe to run twice at once."""
    target = jar_folder()
    if target.is_dir():
        check_jars(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as scratch:
        ready = Path(scratch, "jars")
        ready.mkdir()
        _download(Path(scratch, "cache"), ready, say)
        check_jars(ready)
        _publish(ready, target)
    return target


def _download(cache: Path, into: Path, say: Callable[[str], None]) -> None:
    """Fetch each jar by itself: the record is the resolution, so no dependency is walked."""
    # Imported here: it takes a while, and nothing but the set-up needs it.
    import truststore
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    truststore.inject_into_ssl()  # the machine's certificates, which a company's proxy needs
    mirrors = GlobalSettings.load().repositories  # a closed network names its own in jgo's settings
    # A cache of our own: an aborted download must not be taken for a whole jar the next time.
    context = MavenContext(repo_cache=cache, remote_repos={"central": MAVEN_CENTRAL_URL, **mirrors})

    def fetch(jar: Jar) -> str:
        path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        shutil.move(path, into / jar.name)
        return jar.name

    jars = pinned_jars()
    say(f"Fetching Apache Kafka {KAFKA_VERSION}: {len(jars)} jars, 43 MB")
    with ThreadPoolExecutor(8) as workers:
        try:
            for number, name in enumerate(workers.map(fetch, jars), start=1):
                say(f"  {number}/{len(jars)} {name}")
        except Exception as error:  # whatever the client meets on its way
            workers.shutdown(cancel_futures=True)
            remedy = "Check the network and try again."
            raise CallvaultError(
                "jars_unreachable", f"Could not fetch Kafka's jars: {error}.", remedy
            ) from error


def _publish(ready: Path, target: Path) -> None:
    """Show the whole folder at once; if another process was first, its jars are as good."""
    ready.chmod(0o755)
    for jar in ready.iterdir():
        jar.chmod(0o644)
    try:
        os.rename(ready, target)  # noqa: PTH104 - Path.rename reads as if it could replace a folder
    except OSError:
        check_jars(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
