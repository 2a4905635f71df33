"""Free ports on the loopback address, remembered per name so that addresses outlive a restart."""

import random
import socket
from typing import Any

from callvault.errors import CallvaultError
from callvault.home import Home

# Below the ports that the system gives to outgoing connections. A client that knocks on a dead port
# from inside that range can be connected to itself, and then the server's port is taken.
_FIRST, _LAST = 20000, 29999
_claims: dict[int, int] = {}
"""The descriptors that hold the chosen ports, open for as long as we live."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free, and that no process which has asked here, and lives, was given."""
    for _ in range(200):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - chance only keeps neighbours apart
        if port not in _claims and is_free(port) and _claim(port):
            return port
    raise CallvaultError("no_free_port", f"No free port between {_FIRST} and {_LAST} on 127.0.0.1.")


def remembered_port(home: Home, name: str, *, preferred: int | None = None) -> int:
    """The port this name had before if it is free, else the preferred one, else any; kept in state.json."""
    known = home.state().get("ports", {}).get(name)
    port = next((p for p in (known, preferred) if p and is_free(p)), None) or free_port()
    _claim(port)
    remember_port(home, name, port)
    return port


def _claim(port: int) -> bool:
    """Keep others from choosing this port before its server listens. False where somebody has claimed it.

    A name in the abstract namespace is the whole machine's, and the system lets go of it when we die.
    """
    if port in _claims:
        return True
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0callvault-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim.detach()
    return True


def remember_port(home: Home, name: str, port: int) -> None:
    """Keep the port of this name for the next start."""

    def change(state: dict[str, Any]) -> None:
        state.setdefault("ports", {})[name] = port

    home.change_state(change)
