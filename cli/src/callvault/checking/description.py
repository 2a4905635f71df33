"""Finding a connector's folder, and reading what its tests/provider.py says."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path

from callvault.errors import CallvaultError
from callvault.finding import find_services, is_connector
from callvault.provider import Provider

LINES = 230
_FILE = "provider.py"


def connector_folder(service: str) -> Path:
    """The folder of a connector. Raises `unknown_connector`."""
    known = {found.name: found.source for found in find_services() if is_connector(found.name)}
    source = known.get(service)
    if source is None:
        names = ", ".join(name.removesuffix("-connector") for name in known) or "none"
        remedy = f"There are: {names}. Make one with `callvault new-connector NAME`."
        raise CallvaultError("unknown_connector", f"There is no services/{service}.", remedy)
    return source.parent


def read_provider(folder: Path) -> Provider:
    """The PROVIDER of tests/provider.py. Raises `provider_missing`, `provider_broken`."""
    file = folder / "tests" / _FILE
    if not file.is_file():
        remedy = "It says how the provider answers; `callvault new-connector` writes one to begin with."
        raise CallvaultError("provider_missing", f"There is no {file}.", remedy)
    spec = importlib.util.spec_from_file_location(f"{folder.name.replace('-', '_')}_provider", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename}, line {last.lineno}"
        raise CallvaultError("provider_broken", f"{where}: {type(error).__name__}: {error}") from error
    found = getattr(module, "PROVIDER", None)
    if not isinstance(found, Provider):
        raise CallvaultError("provider_broken", f"{file} has no PROVIDER = Provider(...).")
    return found


def count_lines(folder: Path) -> int:
    """The lines of a connector: its pyproject.toml and all modules, tests aside."""
    files = [folder / "pyproject.toml", *sorted((folder / "src").rglob("*.py"))]
    return sum(len(file.read_text().splitlines()) for file in files if file.is_file())
