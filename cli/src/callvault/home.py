"""The folder that holds all of one stack: data, logs, secrets, remembered ports."""

import base64
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callvault.errors import CallvaultError

_USUAL = "~/.callvault"
_lock = threading.RLock()


class Home:
    """Paths and small remembered things under CALLVAULT_HOME. Making one creates the folder."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser().absolute()
        if not self.path.exists():
            # Root gives the database to another user, who has to pass through here, not to look around.
            self.path.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        self.logs = self.folder("logs")

    @classmethod
    def from_environment(cls) -> "Home":
        """The home that CALLVAULT_HOME names, else ~/.callvault."""
        return cls(os.environ.get("CALLVAULT_HOME") or _USUAL)

    @property
    def is_usual(self) -> bool:
        """Whether it is the one that is taken where none is named."""
        return self.path == Path(_USUAL).expanduser().absolute()

    def folder(self, name: str) -> Path:
        """A private folder of that name in the home, made if need be."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """The log file of the process of that name."""
        return self.logs / f"{name}.log"

    @property
    def lock_file(self) -> Path:
        """Held locked by the supervisor as long as it runs."""
        return self.path / "lock"

    def state(self) -> dict[str, Any]:
        """What state.json says; empty where nothing has run yet."""
        return _read(self.path / "state.json")

    def change_state(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Read state.json, let `change` alter it, and write it in one step."""
        with _lock:
            state = self.state()
            change(state)
            _write(self.path / "state.json", state, mode=0o644)

    def credentials(self) -> dict[str, Any]:
        """How the command itself signs in, from credentials.json; empty at first."""
        return _read(self.path / "credentials.json")

    def keep_credentials(self, content: dict[str, Any]) -> None:
        """Replace credentials.json, readable by this user alone."""
        with _lock:
            _write(self.path / "credentials.json", content, mode=0o600)

    def secret(self, name: str) -> str:
        """The random word kept under this name in secrets.json, made at the first call. URL-safe."""
        with _lock:
            known = _read(self.path / "secrets.json")
            if name not in known:
                known[name] = secrets.token_urlsafe(24)
                _write(self.path / "secrets.json", known, mode=0o600)
            return str(known[name])

    def key_ring(self, name: str) -> str:
        """The Fernet keys kept under this name in secrets.json, with commas between; one is made at first."""
        with _lock:
            known = _read(self.path / "secrets.json")
            if name not in known:
                self.keep_key_ring(name, new_key())
        return str(_read(self.path / "secrets.json")[name])

    def keep_key_ring(self, name: str, ring: str) -> None:
        """Replace the keys under this name."""
        with _lock:
            known = _read(self.path / "secrets.json")
            _write(self.path / "secrets.json", known | {name: ring}, mode=0o600)


def new_key() -> str:
    """A random Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _read(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no such file. Raises `home_damaged`."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        remedy = "Put back a copy of it, or set another CALLVAULT_HOME."
        raise CallvaultError("home_damaged", f"{path} cannot be read: {error}.", remedy) from error
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any], *, mode: int) -> None:
    """Replace a JSON file in one step: a reader sees the old or the new one, never half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        os.fchmod(file.fileno(), mode)
        if mode == 0o600:  # a password that the database knows must not be lost with the power
            file.flush()
            os.fsync(file.fileno())
    Path(name).replace(path)
