"""How a source may be called, and what follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callvault.errors import CallvaultError
from callvault.finding import find_services, is_source

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = {"file-upload", "file", "files", "test", "tests"}


@dataclass(frozen=True)
class Names:
    """Of one source, such as my-calls: `source` my_calls, `service` my-calls-connector, `title` My Calls."""

    name: str

    @property
    def source(self) -> str:
        """The slug, as it stands in messages and tables."""
        return self.name.replace("-", "_")

    @property
    def service(self) -> str:
        """The folder's name."""
        return f"{self.name}-connector"

    @property
    def package(self) -> str:
        """The Python package."""
        return f"{self.source}_connector"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name.replace("-", " ").title()


def service_of(name: str) -> str:
    """The folder of a source that was named as itself, by its slug, or by its folder."""
    return f"{name.removesuffix('-connector').replace('_', '-')}-connector"


def new_names(name: str) -> Names:
    """Raises `bad_name`, `name_taken`."""
    if not _NAME.fullmatch(name) or not is_source(name.replace("-", "_")) or name.endswith("-connector"):
        message = f"A source cannot be called {name!r}."
        remedy = "Take lower-case letters, digits and single hyphens, a letter first, at most 40: my-calls."
        raise CallvaultError("bad_name", message, remedy)
    names = Names(name)
    if name in _TAKEN or names.service in {service.name for service in find_services()}:
        raise CallvaultError("name_taken", f"There is a source {name} already.", "Choose another name.")
    return names
