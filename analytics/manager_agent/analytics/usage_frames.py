"""What agents did lately, as frames: usage by hour and minute, single calls, tools."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import duckdb
import polars as pl

from manager_agent.analytics.frames import CALLS, HOURS, MINUTES, TOOLS

HOURS_WITHIN = timedelta(hours=48)
"""Clock hours before the present one that `Frames.hours` holds."""

MINUTES_WITHIN = timedelta(hours=2)
CALLS_WITHIN = timedelta(hours=1)
MOST_CALLS = 200_000
"""Calls, and executions of tools, that frames hold at most: the newest."""


def hours(con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
    """Return `Frames.hours`: the clock hour (UTC) of `now` and the 48 before."""
    return _frame(con, "hours", HOURS, now, HOURS_WITHIN)


def minutes(con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
    """Return `Frames.minutes`: the minute of `now` and the 120 before."""
    return _frame(con, "minutes", MINUTES, now, MINUTES_WITHIN)


def calls(con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
    """Return `Frames.calls`: calls that began in the hour up to `now`, in order of `ts`."""
    return _frame(con, "calls", CALLS, now, CALLS_WITHIN, most=MOST_CALLS)


def tools(con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
    """Return `Frames.tools`: executions that began in the hour up to `now`, in order of `ts`."""
    return _frame(con, "tools", TOOLS, now, CALLS_WITHIN, most=MOST_CALLS)


def _frame(
    con: duckdb.DuckDBPyConnection,
    name: str,
    schema: pl.Schema,
    now: datetime,
    within: timedelta,
    **more: int,
) -> pl.DataFrame:
    """Return the answer of `sql/frames/<name>.sql` in `schema`; rows after `now` are not in it."""
    params: Mapping[str, object] = {"since": _naive(now - within), "now": _naive(now), **more}
    with con.cursor() as cursor:
        found = cursor.execute(_text(name), dict(params)).pl()
    return found.with_columns(pl.col("ts").dt.replace_time_zone("UTC")).match_to_schema(schema)


def _text(name: str) -> str:
    return (files("manager_agent.analytics") / "sql" / "frames" / f"{name}.sql").read_text("utf-8")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
