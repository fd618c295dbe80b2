"""Frames that rest on weeks of hours, computed once an hour."""

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from manager_agent.analytics.baseline import baselines
from manager_agent.analytics.hourly import Hourly
from manager_agent.analytics.reference import references


def normal_hours(
    con: duckdb.DuckDBPyConnection, now: datetime, zone: ZoneInfo, hourly: Hourly
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `Frames.baselines` and `Frames.references`. `zone`: whose working days count."""
    normal = hourly.get(
        f"baselines {zone.key}", con, now, lambda history: baselines(history, now, zone)
    )
    usual = hourly.get(
        f"references {zone.key}", con, now, lambda history: references(history, normal, now, zone)
    )
    return normal, usual
