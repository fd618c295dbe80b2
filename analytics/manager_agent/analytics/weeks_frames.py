"""Frames that rest on weeks of hours, computed once an hour."""

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from manager_agent.analytics.baseline import of_lines
from manager_agent.analytics.cells import hour_of
from manager_agent.analytics.hourly import Hourly, hours_alike
from manager_agent.analytics.reference import RECENT, references


def normal_hours(
    con: duckdb.DuckDBPyConnection, now: datetime, zone: ZoneInfo, hourly: Hourly
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `Frames.baselines` and `Frames.references`. `zone`: whose working days count."""
    normal = hourly.get(
        f"baselines {zone.key}",
        lambda: of_lines(hourly.lines(con, now), hour_of(now), zone),
    )
    usual = hourly.get(
        f"references {zone.key}",
        lambda: references(hours_alike(con, now, RECENT), normal, now, zone),
    )
    return normal, usual
