"""The answer to a query as a Polars table, by the way that every DuckDB version has: Arrow."""

from collections.abc import Mapping

import duckdb
import polars as pl


def answer(
    con: duckdb.DuckDBPyConnection, query: str, params: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """Return what `query` selects; times as they are stored, without a zone.

    Raises `duckdb.Error` where it cannot be answered.
    """
    return pl.DataFrame(con.sql(query, params=params).to_arrow_table())
