"""Writing a new connector's folder from the template."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from callvault.errors import CallvaultError
from callvault.finding import services_folder
from callvault.scaffold.names import Names

_SUFFIX = ".txt"


def write_connector(names: Names) -> Path:
    """The folder, which is there whole or not at all. Raises `no_services_folder`, `name_taken`."""
    services = services_folder()
    if services is None:
        message = "There is no folder `services` here: the command was installed without its repository."
        raise CallvaultError(
            "no_services_folder", message, "Set CALLVAULT_SERVICES_DIR to the folder to write to."
        )
    folder = services / names.service
    if folder.exists():
        raise CallvaultError("name_taken", f"{folder} is there already.", "Choose another name.")
    with tempfile.TemporaryDirectory(dir=services, prefix=f".{names.service}-") as begun:
        made = Path(begun) / names.service
        _copy(files("callvault.scaffold") / "template", made, names)
        (made / "src").rename(made / names.package)
        (made / "src").mkdir()
        (made / names.package).rename(made / "src" / names.package)
        shutil.move(made, folder)
    return folder


def _copy(source: Traversable, target: Path, names: Names) -> None:
    target.mkdir(mode=0o777)
    words = asdict(names) | {
        "source": names.source, "service": names.service, "package": names.package, "title": names.title
    }  # fmt: skip
    for each in source.iterdir():
        if each.is_dir():
            _copy(each, target / each.name, names)
        else:
            text = Template(each.read_text(encoding="utf-8")).substitute(words)
            (target / each.name.removesuffix(_SUFFIX)).write_text(text, encoding="utf-8")


def relative(path: Path) -> str:
    """The path as somebody in this folder would type it."""
    return os.path.relpath(path)
