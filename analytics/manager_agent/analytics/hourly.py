"""What is computed from weeks of hours: once an hour, from what that hour added."""

from collections.abc import Callable, Iterable
from datetime import datetime

import duckdb
import polars as pl

from manager_agent.analytics.cells import hour_of
from manager_agent.analytics.frames import HOURS
from manager_agent.analytics.kept import DAY, HOUR, Kept, ask, minute_of, naive, runs
from manager_agent.analytics.lines import HISTORY, Lines

PAST = pl.Schema(
    {
        name: kind
        for name, kind in HOURS.items()
        if name not in ("errors", "unpriced_calls", "duration_ms")
    }
)
"""What is read of hours that are over."""

DAYS = pl.Schema({name: kind for name, kind in PAST.items() if name != "cache_write_tokens"})
"""What is read of days that are over."""

_COSTS = pl.Schema(
    {
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),
        "hour": pl.List(pl.Int32()),
        "cost": pl.List(pl.Decimal(38, 9)),
    }
)
_DAY = 24
_LATE = 10
"""Minutes between two computations because of what came late to hours that are over."""


class Hourly:
    """Results of pure functions of the last weeks' hours, by name.

    They are computed when an hour begins; and at the next ten minutes' mark after something came
    late to an hour that is over. What hours and days cost is kept: of a fleet of 1,000 agents it is
    three million hours, of which three thousand are new.
    """

    def __init__(self) -> None:
        self._touched = True
        self._at: tuple[int, int] | None = None
        self._results: dict[str, pl.DataFrame] = {}
        self._lines = Lines()
        self._held: set[int] = set()
        self._right: set[int] = set()
        self._days = Kept("days", DAY, _in_usd(DAYS))

    def clear(self) -> None:
        """Forget everything."""
        self._at = None
        self._right.clear()
        self._days.clear()

    def touch(self, minutes: Iterable[int]) -> None:
        """Note that usage in these minutes (since 1970) changed."""
        changed = {minute // HOUR for minute in minutes}
        self._right -= changed
        self._days.touch(hour * HOUR for hour in changed)
        if self._at is not None:
            over = self._at[0]
            self._touched = self._touched or any(hour < over for hour in changed)

    def begin(self, now: datetime) -> None:
        """Forget what is to be computed anew at `now`; before the first `get` of a look."""
        minute = minute_of(now)
        at = (minute // HOUR, minute // _LATE)
        stale = self._at is None or self._at[0] != at[0] or (self._touched and self._at != at)
        if stale:
            self._at, self._touched = at, False
            self._results.clear()

    def get(self, name: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return what `compute` returns, once an hour."""
        if name not in self._results:
            self._results[name] = compute()
        return self._results[name]

    def lines(self, con: duckdb.DuckDBPyConnection, now: datetime) -> Lines:
        """Return what the `HISTORY` hours before the present one cost; only new ones are read."""
        present = hour_of(now)
        wanted = set(range(present - HISTORY, present))
        stretches = list(runs(sorted(wanted - self._right)))
        missing = {hour for low, high in stretches for hour in range(low, high)}
        lines = self._lines.without((self._held - wanted) | (self._held & missing))
        for low, high in stretches:
            lines = lines.with_lists(_costs(con, low, high))
        self._lines, self._held, self._right = lines, wanted, set(wanted)
        return lines

    def days(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return usage by day (schema `DAYS`) of the days before that of `now`, in `HISTORY` hours.

        Of the first of them only the hours that are left of it.
        """
        present = hour_of(now)
        first, today = present - HISTORY, present // _DAY
        whole = -(-first // _DAY)
        found = self._days.rows(con, range(whole, today))
        bounds = {"low": naive(first * HOUR), "high": naive(whole * DAY)}
        if first < whole * _DAY:
            found = pl.concat([ask(con, "days", bounds, _in_usd(DAYS)), found])
        return found.with_columns(_nano("cost"))


def hours_alike(con: duckdb.DuckDBPyConnection, now: datetime, recent: int) -> pl.DataFrame:
    """Return usage (schema `PAST`) of hours before the present one that are the same of the day.

    Of the last `HISTORY` hours; and of all `recent` ones.
    """
    present = hour_of(now)
    first = {"low": present - HISTORY, "high": present, "recent": present - recent}
    bounds = {name: naive(hour * HOUR) for name, hour in first.items()}
    return ask(con, "alike", bounds, _in_usd(PAST)).with_columns(_nano("cost"))


def _costs(con: duckdb.DuckDBPyConnection, low: int, high: int) -> pl.DataFrame:
    bounds = {"low": naive(low * HOUR), "high": naive(high * HOUR)}
    return ask(con, "costs", bounds, _COSTS)


def _in_usd(schema: pl.Schema) -> pl.Schema:
    return pl.Schema({**schema, "cost": pl.Decimal(38, 9)})


def _nano(cost: str) -> pl.Expr:
    """Return USD as nano-USD: they have nine places after the point."""
    return pl.col(cost).to_physical().cast(pl.Int64())
