"""Runs `uv pip install` with the settings of this machine's pip, which uv does not read by itself.

`.venv/bin/python requirements/install.py ARGUMENTS...`. What stands in uv's own variables wins.
"""

import os
import shlex
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
_ORDER = ("global", "install", ":env:")  # pip's: later ones win


def pip_settings() -> dict[str, str]:
    """Name to value, from pip's files and variables; several values of one name are parted by spaces."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in _ORDER}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            # Printed as Python prints strings: line breaks of a list come as \n in the quotes.
            found[section][name] = " ".join(" ".join(shlex.split(value)).replace("\\n", " ").split())
    return {name: value for section in _ORDER for name, value in found[section].items()}


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv."""
    wanted = {_VARIABLES[name]: value for name, value in settings.items() if name in _VARIABLES}
    if wanted.get("UV_NO_INDEX", "").lower() in ("", "0", "no", "false", "off"):
        wanted.pop("UV_NO_INDEX", None)
    environment = wanted | dict(environ)
    if "SSL_CERT_FILE" not in environment and _has_certificate_store():
        # uv brings certificates of its own and would not know those of a company's proxy.
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    return environment


def _has_certificate_store() -> bool:
    return sys.platform in ("darwin", "win32") or ssl.get_default_verify_paths().cafile is not None


def main(arguments: list[str]) -> int:
    """Run uv; its exit code."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--python", sys.executable, *arguments]
    return subprocess.run(command, check=False, env=uv_environment(pip_settings(), os.environ)).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
