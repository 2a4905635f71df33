"""Fixtures for what needs a database and no topics."""

from tests.support.database import admin, connect, engine_of, tables
from tests.support.kit import bench

__all__ = ["admin", "bench", "connect", "engine_of", "tables"]
