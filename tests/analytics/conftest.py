"""A database in memory with the tables and views."""

from collections.abc import Iterator

import duckdb
import pytest

from manager_agent.analytics.install import install
from manager_agent.store.sql_files import migrations


@pytest.fixture
def rollups() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the tables of the store, with the views."""
    with duckdb.connect() as con:
        for _, _, text in migrations():
            con.execute(text)
        install(con)
        yield con
