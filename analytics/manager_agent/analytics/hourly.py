"""What is computed from weeks of hours: once an hour, not at every look."""

from collections.abc import Callable, Iterable
from datetime import datetime

import duckdb
import polars as pl

from manager_agent.analytics.frames import HOURS
from manager_agent.analytics.kept import HOUR, ask, minute_of, naive

PAST = pl.Schema(
    {
        name: kind
        for name, kind in HOURS.items()
        if name not in ("errors", "unpriced_calls", "duration_ms")
    }
)
"""What is read of hours that are over, for 1,000 agents 2 million of them."""

WEEKS = 6
_HOURS_OF_WEEK = 168
_LATE = 10
"""Minutes between two computations because of what came late to hours that are over."""


class Hourly:
    """Results of pure functions of the last weeks' hours, by name.

    They are computed when an hour begins; and at the next ten minutes' mark after something came
    late to an hour that is over.
    """

    def __init__(self, weeks: int = WEEKS) -> None:
        self._weeks = weeks
        self._touched = True
        self._at: tuple[int, int] | None = None
        self._history: pl.DataFrame | None = None
        self._results: dict[str, pl.DataFrame] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._at = None

    def touch(self, minutes: Iterable[int]) -> None:
        """Note that usage in these minutes (since 1970) changed."""
        if self._at is not None:
            over = self._at[0] * HOUR
            self._touched = self._touched or any(minute < over for minute in minutes)

    def begin(self, now: datetime) -> None:
        """Forget what is to be computed anew at `now`; before the first `get` of a look."""
        minute = minute_of(now)
        at = (minute // HOUR, minute // _LATE)
        stale = self._at is None or self._at[0] != at[0] or (self._touched and self._at != at)
        if stale:
            self._at, self._touched = at, False
            self._results.clear()

    def get(
        self,
        name: str,
        con: duckdb.DuckDBPyConnection,
        now: datetime,
        compute: Callable[[pl.DataFrame], pl.DataFrame],
    ) -> pl.DataFrame:
        """Return `compute` of the hours (schema `PAST`) before the present one, once an hour.

        The hours come in no order.
        """
        if name not in self._results:
            if self._history is None:
                self._history = hours_of(con, now, self._weeks)
            self._results[name] = compute(self._history)
        return self._results[name]

    def end(self) -> None:
        """Let go of the hours; after the last `get` of a look."""
        self._history = None


def hours_of(con: duckdb.DuckDBPyConnection, now: datetime, weeks: int) -> pl.DataFrame:
    """Return usage by clock hour (UTC, schema `PAST`) of the weeks before the present hour."""
    present = minute_of(now) // HOUR
    low, high = naive((present - weeks * _HOURS_OF_WEEK) * HOUR), naive(present * HOUR)
    in_usd = pl.Schema({**PAST, "cost": pl.Decimal(38, 9)})
    found = ask(con, "weeks", {"low": low, "high": high}, in_usd)
    nano = pl.col("cost").to_physical().cast(pl.Int64)  # it has nine places after the point
    return found.with_columns(nano.alias("cost"))
