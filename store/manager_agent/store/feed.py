"""Statements that run at every commit, bound once.

Registering a table and binding its INSERT anew takes longer than inserting some hundred rows. So a
feed is registered once, the statement that reads it is prepared once, and each run gives the feed
another table.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from manager_agent.store.sql_files import statements


class _Feed:
    """What DuckDB reads a table from: it asks anew whenever a statement runs."""

    def __init__(self, schema: pa.Schema) -> None:
        self._nothing = schema.empty_table()
        self.table = self._nothing

    def clear(self) -> None:
        """Let go of the table."""
        self.table = self._nothing

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class Feeds:
    """The prepared statements of one connection. Not safe for use by several threads."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._feeds: dict[str, _Feed] = {}
        self._prepared: dict[str, list[str]] = {}

    def run(self, name: str, tables: Mapping[str, pa.Table]) -> None:
        """Run the statements of `sql/<name>.sql`, which read `tables` by these names.

        A name belongs to tables of one schema. Raises `duckdb.Error`.
        """
        for alias, table in tables.items():
            if alias not in self._feeds:
                self._feeds[alias] = _Feed(table.schema)
                self._con.register(alias, self._feeds[alias])
            self._feeds[alias].table = table
        try:
            for prepared in self._prepared.get(name) or self._prepare(name):
                self._con.execute(prepared)
        finally:
            for alias in tables:
                self._feeds[alias].clear()

    def _prepare(self, name: str) -> list[str]:
        found = []
        for number, statement in enumerate(statements(name)):
            self._con.execute(f"PREPARE {name}_{number} AS {statement}")
            found.append(f"EXECUTE {name}_{number}")
        self._prepared[name] = found
        return found
