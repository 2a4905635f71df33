"""Fixtures for what needs a database and no topics."""

from tests.support.database import connect, engine_of, tables

__all__ = ["connect", "engine_of", "tables"]
