"""Which services there are: a folder with a main module is one, and nobody lists them anywhere."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

_CONNECTOR = "-connector"
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")  # with what goes before it, a role's name in PostgreSQL


@dataclass(frozen=True)
class Service:
    """A service by its folder's name, the package to run, and where its source lies (None: installed)."""

    name: str
    package: str
    source: Path | None


def find_services() -> list[Service]:
    """All services: of CALLVAULT_SERVICES_DIR, else of the repository, else the installed ones."""
    folder = services_folder()
    found = _in_folder(folder) if folder else _installed()
    return sorted(found, key=lambda service: service.name)


def services_folder() -> Path | None:
    """CALLVAULT_SERVICES_DIR, else the repository's; None where there is no such folder."""
    named = os.environ.get("CALLVAULT_SERVICES_DIR")
    folder = Path(named) if named else Path(__file__).parents[3] / "services"
    return folder.absolute() if folder.is_dir() else None


def _in_folder(folder: Path) -> Iterator[Service]:
    for main in folder.glob("*/src/*/__main__.py"):
        name, package = main.parents[2].name, main.parent.name
        if package == name.replace("-", "_"):
            yield Service(name, package, main.parents[1])


def _installed() -> Iterator[Service]:
    """Distributions that stand on the runtime and can be run."""
    for distribution in distributions():
        stands_on_runtime = any(need.startswith("pipeline-runtime") for need in distribution.requires or [])
        package = distribution.name.replace("-", "_")
        if stands_on_runtime and find_spec(package) and find_spec(f"{package}.__main__"):
            yield Service(distribution.name, package, None)


def connector_sources() -> list[str]:
    """The sources of all services whose name says that they connect one: `zoom` of `zoom-connector`.

    A folder whose name can be no source's is left out: it gets no database, and runs into that.
    """
    sources = [source_of(service.name) for service in find_services() if is_connector(service.name)]
    return [source for source in sources if is_source(source)]


def is_source(name: str) -> bool:
    """Whether a source can be called so."""
    return _SOURCE.fullmatch(name) is not None


def source_of(service: str) -> str:
    """The source that a connector is for."""
    return service.removesuffix(_CONNECTOR).replace("-", "_")


def is_connector(service: str) -> bool:
    """Whether a service connects a source."""
    return service.endswith(_CONNECTOR)
