"""What agents did lately, as frames: usage by hour and minute, single calls, tools."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import duckdb
import polars as pl

from manager_agent.analytics.frames import CALLS, HOURS, MINUTES, TOOLS
from manager_agent.analytics.kept import HOUR, MINUTE, Kept, ask
from manager_agent.analytics.remembered import Piece, cut, place

HOURS_WITHIN = timedelta(hours=48)
"""Clock hours before the present one that `Frames.hours` holds."""

MINUTES_WITHIN = timedelta(hours=2)
CALLS_WITHIN = timedelta(hours=1)
MOST_CALLS = 200_000
"""Calls, and executions of tools, that frames hold at most: the newest."""

_PARTS = 60
"""Of a minute. Single rows are kept by the second: a fleet may make more in ten of them than all
that frames hold, and all of it would be read for the sake of a part."""

_COUNTED = pl.Schema({"bucket": pl.Int64(), "n": pl.Int64()})
_RECENT = 300
"""Buckets, five minutes, that are counted first: in a busy fleet they hold enough."""


class UsageFrames:
    """`Frames.hours`, `minutes`, `calls` and `tools`, kept from look to look."""

    def __init__(self) -> None:
        self._hours = Kept("hours", HOUR, HOURS)
        self._minutes = Kept("minutes", MINUTE, MINUTES)
        self._calls = _Newest("calls", CALLS)
        self._tools = _Newest("tools", TOOLS)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """All that is kept."""
        return (self._hours, self._minutes, self._calls.kept, self._tools.kept)

    def pieces(self) -> Mapping[str, Sequence[Piece]]:
        """Return what each of the frames is made of, as they were returned last, by name."""
        return {
            "hours": self._hours.pieces(),
            "minutes": self._minutes.pieces(),
            "calls": self._calls.pieces,
            "tools": self._tools.pieces,
        }

    def hours(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return usage in the clock hour (UTC) of `now` and the 48 before."""
        return self._hours.rows(con, self._hours.span(now - HOURS_WITHIN, now))

    def minutes(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return usage in the minute of `now` and the 120 before."""
        return self._minutes.rows(con, self._minutes.span(now - MINUTES_WITHIN, now))

    def calls(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return calls that began in the hour up to `now`, in order of `ts`."""
        return self._calls.rows(con, now)

    def tools(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return executions that began in the hour up to `now`, in order of `ts`."""
        return self._tools.rows(con, now)


class _Newest:
    """Single rows of the last hour, the newest `MOST_CALLS`; older ones are not even read."""

    def __init__(self, question: str, schema: pl.Schema) -> None:
        self.kept = Kept(question, MINUTE, schema, _PARTS)
        self._question = question
        self.pieces: Sequence[Piece] = ()
        """What the last answer of `rows` is made of."""

    def rows(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        every = self.kept.rows(con, self._needed(con, now))
        first, end = _between(every, now - CALLS_WITHIN, now)
        first = max(first, end - MOST_CALLS)
        self.pieces = list(cut(self.kept.pieces(), first, end))
        return every[first:end]

    def _needed(self, con: duckdb.DuckDBPyConnection, now: datetime) -> range:
        """Return the last buckets of the hour, so many that they hold enough rows; or all."""
        wanted, present = self.kept.span(now - CALLS_WITHIN, now), self.kept.bucket(now)
        heights = dict(self.kept.heights())
        for recent in (wanted[-_RECENT:], wanted):
            missing = [bucket for bucket in recent if bucket not in heights]
            if missing:
                heights.update(dict.fromkeys(missing, 0))
                heights.update(self._counted(con, missing[0], missing[-1] + 1))
            enough = _enough(recent, heights, present)
            if enough is not None:
                return enough
        return wanted

    def _counted(self, con: duckdb.DuckDBPyConnection, first: int, end: int) -> Mapping[int, int]:
        length = {"bucket_us": self.kept.bucket_us}
        asked: dict[str, datetime | int] = {**self.kept.bounds(first, end), **length}
        return dict(ask(con, f"{self._question}_counted", asked, _COUNTED).iter_rows())


def _enough(buckets: range, heights: Mapping[int, int], present: int) -> range | None:
    """Return the last of `buckets` that hold so many rows before that of the present."""
    rows = 0
    for bucket in reversed(buckets):
        rows += heights[bucket] if bucket < present else 0
        if rows >= MOST_CALLS:
            return range(bucket, buckets.stop)
    return None


def _between(frame: pl.DataFrame, low: datetime, high: datetime) -> tuple[int, int]:
    """Return the place of the first row after `low`, and of the first after `high`, of a frame in
    order of `ts`."""
    times = frame["ts"].to_physical()
    first = place(times, low, "right")
    return first, max(first, place(times, high, "right"))
