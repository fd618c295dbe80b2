"""What series cost in each of the last weeks' hours: of each agent, and of each of its models."""

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from manager_agent.analytics.cells import Calendar, laid

HISTORY = 6 * 168
"""Hours that are of use, before the present one."""

UNIT = 50_000_000
"""Nano-USD: what is below five cents an hour is not told apart by multiples."""

ENTITY = ["agent", "provider", "model"]
_NAMES = pl.Schema(
    {
        "line": pl.UInt32(),
        **{name: pl.String() for name in ENTITY},
        "whole": pl.Boolean(),
    }
)
_X = pl.Schema({"line": pl.UInt32(), "hour": pl.Int32(), "x": pl.Float64()})
_KEY = [*ENTITY, "whole"]


@dataclass(frozen=True, slots=True)
class Lines:
    """Costs by hour, of which hours can be added and taken away.

    `names`: one row a line: an agent and one of its models, or all of them together (`whole`).
    `hours`: `line`, `hour` since 1970, and `x`, the cost as `log1p(cost / UNIT)`; in no order.
    """

    names: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_NAMES))
    hours: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_X))

    def with_usage(self, usage: pl.DataFrame) -> "Lines":
        """Return these and hours that are not among them: `ts`, `ENTITY`, `cost` in nano-USD."""
        hour = (pl.col("ts").dt.epoch("s") // 3600).cast(pl.Int32()).alias("hour")
        rows = usage.select(*ENTITY, hour, pl.col("cost").cast(pl.Int64()))
        return self.with_lists(rows.group_by(ENTITY).agg("hour", "cost"))

    def with_lists(self, found: pl.DataFrame) -> "Lines":
        """Return these and hours that are not among them: a row an `ENTITY`, with a list of hours
        (`hour`) and one of what each cost, in nano-USD or decimal USD of nine places."""
        found = found.filter(pl.col("agent").is_not_null())
        if found.is_empty():
            return self
        names = self._named(found.select(ENTITY))
        of = names.filter(~pl.col("whole")).join(
            names.filter("whole").select("agent", pl.col("line").alias("of")), on="agent"
        )
        rows = found.join(of.drop("whole"), on=ENTITY, nulls_equal=True).explode("hour", "cost")
        nano = pl.col("cost").to_physical().cast(pl.Int64()).fill_null(0)
        known = rows.select("line", "of", "hour", nano)
        wholes = known.group_by(pl.col("of").alias("line"), "hour").agg(pl.col("cost").sum())
        every = pl.concat([known.select(wholes.columns), wholes])
        x = every.select("line", "hour", (pl.col("cost") / UNIT).log1p().alias("x"))
        return Lines(names, pl.concat([self.hours, x]))

    def within(self, first: int, end: int) -> "Lines":
        """Return the hours from one to before another."""
        hour = pl.col("hour")
        return Lines(self.names, self.hours.filter((hour >= first) & (hour < end)))

    def without(self, gone: Collection[int]) -> "Lines":
        """Return these without some hours, and without the names that nothing is left of."""
        if not gone:
            return self
        left = self.hours.filter(~pl.col("hour").is_in(sorted(gone)))
        return Lines(self.names.join(left.select("line").unique(), on="line", how="semi"), left)

    def series(self) -> pl.DataFrame:
        """Return whose hours are worth a look, in order: `line`, `ENTITY`, and the `first` hour.

        Each agent, and each of its models where it has several.
        """
        firsts = self.hours.group_by("line").agg(pl.col("hour").min().alias("first"))
        known = self.names.join(firsts, on="line")
        parts = known.filter(~pl.col("whole"))
        several = parts.filter(pl.len().over("agent") > 1).filter(pl.col("model").is_not_null())
        every = pl.concat([known.filter("whole"), several])
        return every.select("line", *ENTITY, "first").sort(ENTITY)

    def dense(self, lines: pl.Series, calendar: Calendar) -> pl.Series:
        """Return `x` of these lines in each hour before the present one, line by line."""
        first, width = calendar.present - calendar.width, calendar.width
        last = self.names["line"].max()
        size = last + 1 if isinstance(last, int) else 0
        place = laid(pl.int_range(len(lines), dtype=pl.Int64, eager=True), lines, size)
        cells = self.hours.select(
            (place.gather(self.hours["line"]) * width + (pl.col("hour") - first)).alias("cell"),
            "hour",
            "x",
        ).filter(pl.col("cell").is_not_null() & (pl.col("hour") >= first))
        return laid(cells["x"], cells["cell"], len(lines) * width)

    def _named(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return the names with those found that are new."""
        nothing = pl.lit(None, pl.String())
        wholes = found.select(
            pl.col("agent").unique(), nothing.alias("provider"), nothing.alias("model")
        )
        every = pl.concat(
            [
                found.with_columns(pl.lit(value=False).alias("whole")),
                wholes.with_columns(pl.lit(value=True).alias("whole")),
            ]
        )
        new = every.join(self.names, on=_KEY, how="anti", nulls_equal=True).sort(_KEY)
        last = self.names["line"].max()
        start = last + 1 if isinstance(last, int) else 0
        return pl.concat([self.names, new.with_row_index("line", start).select(_NAMES.names())])
