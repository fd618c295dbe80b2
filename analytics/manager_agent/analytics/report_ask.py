"""Asks the questions of reports, files of `sql/report`, of a DuckDB connection."""

from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

_SQL = files("manager_agent.analytics") / "sql" / "report"


def asked(con: duckdb.DuckDBPyConnection, question: str, **params: object) -> list[Any]:
    """Return the rows of `question`; times on both sides are as they are stored.

    Raises `duckdb.Error`.
    """
    return con.execute(_text(question), params).fetchall()


def asked_of(
    rollup: str, con: duckdb.DuckDBPyConnection, question: str, **params: object
) -> list[Any]:
    """Return the rows of a `question` that leaves open which table it is asked of."""
    return con.execute(_text(question).replace("{rollup}", rollup), params).fetchall()


@cache
def _text(question: str) -> str:
    return (_SQL / f"{question}.sql").read_text("utf-8")
