"""Models that no price is known for, as a frame."""

from datetime import datetime, timedelta

import duckdb
import polars as pl

from manager_agent.analytics.frames import UNPRICED
from manager_agent.analytics.kept import HOUR, Kept

UNPRICED_WITHIN = timedelta(hours=24)
_PRICED_SINCE = timedelta(hours=1)
_OF = ["provider", "model"]

_MINUTES = pl.Schema(
    {
        "ts": pl.Datetime("us", "UTC"),
        "provider": pl.String(),
        "model": pl.String(),
        "agents": pl.List(pl.String()),
        "calls": pl.Int64(),
        "input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "some": pl.Boolean(),
        "priced": pl.Boolean(),
    }
)


class UnpricedFrame:
    """`Frames.unpriced`, kept from look to look."""

    def __init__(self) -> None:
        self._minutes = Kept("unpriced", HOUR, _MINUTES)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """All that is kept."""
        return (self._minutes,)

    def frame(self, con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
        """Return what had calls at unknown cost in the last 24 hours and was not priced since.

        That is: no call of it was priced an hour or more after the last unpriced one. One that is
        priced now and then stays listed, so that its alert does not come and go.
        """
        since = now - UNPRICED_WITHIN
        minutes = self._minutes.rows(con, self._minutes.span(since, now))
        return _unpriced(minutes.filter(pl.col("ts").is_between(since, now)))


def _unpriced(minutes: pl.DataFrame) -> pl.DataFrame:
    some = minutes.filter("some")
    if some.is_empty():
        return pl.DataFrame(schema=UNPRICED)
    last_priced = minutes.filter("priced").group_by(_OF).agg(pl.col("ts").max().alias("priced_at"))
    calls = minutes.group_by(_OF).agg(pl.col("calls").sum())
    found = some.group_by(_OF).agg(
        pl.col("agents").explode().unique().sort(),
        pl.col("input_tokens", "output_tokens").sum(),
        pl.col("ts").min().alias("first_seen"),
        pl.col("ts").max().alias("last_seen"),
    )
    joined = found.join(calls, on=_OF).join(last_priced, on=_OF, how="left")
    priced_since = pl.col("priced_at") >= pl.col("last_seen") + _PRICED_SINCE
    listed = joined.filter((pl.col("calls") > 0) & ~priced_since.fill_null(value=False))
    return listed.sort(_OF).match_to_schema(UNPRICED, extra_columns="ignore")
