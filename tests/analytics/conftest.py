"""A database in memory with the tables and views."""

from collections.abc import Iterator
from importlib.resources import files

import duckdb
import pytest

from manager_agent.analytics.install import install


@pytest.fixture
def rollups() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the tables of the first migration, with the views."""
    with duckdb.connect() as con:
        folder = files("manager_agent.store").joinpath("migrations")
        con.execute(folder.joinpath("0001_spine.sql").read_text("utf-8"))
        install(con)
        yield con
