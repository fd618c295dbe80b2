"""Views come after the views they read."""

import duckdb
import pytest

from manager_agent.analytics.install import in_order, install


def test_a_view_follows_what_it_reads() -> None:
    views = {"a": "SELECT * FROM b -- not z", "b": "SELECT * FROM c, b_raw", "c": "", "z": "FROM a"}

    assert in_order(views) == ["c", "b", "a", "z"]


def test_all_views_are_there_and_may_be_installed_again(rollups: duckdb.DuckDBPyConnection) -> None:
    install(rollups)

    views = {name for (name,) in rollups.sql("SELECT view_name FROM duckdb_views()").fetchall()}
    assert {"llm_calls", "tool_calls", "usage_minute", "usage_hour", "usage_day"} <= views


def test_a_missing_table_is_an_error() -> None:
    with duckdb.connect() as con, pytest.raises(duckdb.CatalogException):
        install(con)
