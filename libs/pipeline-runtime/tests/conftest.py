"""Fixtures for what needs a database and no topics."""

from tests.support.database import admin, connect, engine_of, tables

__all__ = ["admin", "connect", "engine_of", "tables"]
