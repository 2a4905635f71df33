"""What the process reads from its environment."""

from __future__ import annotations

from pydantic_settings import BaseSettings


class Environment(BaseSettings):
    """Where to listen and which seed the data grows from. Port 0 takes a free one."""

    http_host: str = "127.0.0.1"
    http_port: int = 0
    storage_port: int = 0  # the second host, where Zoom's downloads are redirected to
    sandbox_seed: int = 7
    sandbox_scenario: str = ""  # a file name in scenarios/, without .json, for the default world
