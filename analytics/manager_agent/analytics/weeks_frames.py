"""Frames that rest on weeks of hours, computed once an hour."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from manager_agent.analytics.baseline import baselines
from manager_agent.analytics.hourly import Hourly
from manager_agent.analytics.reference import references

_TOGETHER = 100
"""Agents whose hours are worked on at a time: of 1,000 together it takes 2 GB and longer."""


def normal_hours(
    con: duckdb.DuckDBPyConnection, now: datetime, zone: ZoneInfo, hourly: Hourly
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `Frames.baselines` and `Frames.references`. `zone`: whose working days count."""
    normal = hourly.get(
        f"baselines {zone.key}",
        con,
        now,
        lambda history: by_agents(history, lambda some: baselines(some, now, zone)),
    )
    usual = hourly.get(
        f"references {zone.key}", con, now, lambda history: references(history, normal, now, zone)
    )
    return normal, usual


def by_agents(
    history: pl.DataFrame, compute: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """Return what `compute` makes of the hours of some agents after the other, in order of name.

    For what says of each agent what rests on its own hours; those of no agent are left out.
    """
    agents = history["agent"].drop_nulls().unique().sort()
    if len(agents) <= _TOGETHER:
        return compute(history.filter(pl.col("agent").is_not_null()))
    parts = (agents[at : at + _TOGETHER] for at in range(0, len(agents), _TOGETHER))
    return pl.concat(
        compute(history.filter(pl.col("agent").is_in(some.implode()))) for some in parts
    )
