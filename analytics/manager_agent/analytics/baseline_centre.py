"""The middle of each time of the week or day: as much of the week's as its samples can carry."""

from dataclasses import dataclass

import polars as pl

from manager_agent.analytics.cells import Alike, Layout, laid

_LATE = 3 * 168
_MAD = 1.4826
_OF_MEDIAN = 1.57
"""Variance of a median of `n` samples, times n, in variances of one."""
_SURE = 2.0


@dataclass(frozen=True, slots=True)
class Middles:
    """The medians of each slot of series, and of each hour of such days of late."""

    slots: pl.DataFrame
    days: pl.DataFrame


class Usual:
    """Tells what is usual at each time of series, by their hours before the place `end`."""

    def __init__(self, layout: Layout, end: int) -> None:
        self._layout = layout
        self._slots = Alike(layout, "slot", 0, end)
        self._days = Alike(layout, "day", end - _LATE, end)

    def middles(self, x: pl.Series) -> Middles:
        """Return the medians of what cells hold. `x`: of each cell, NULL from `end` on."""
        return Middles(self._slots.middles(x), self._days.middles(x))

    def renewed(self, known: Middles, x: pl.Series, cells: pl.DataFrame) -> Middles:
        """Return what `middles` does of `x`, which was `known` but for some cells."""
        return Middles(
            self._slots.renewed(known.slots, x, cells), self._days.renewed(known.days, x, cells)
        )

    def of(self, x: pl.Series, middles: Middles) -> pl.DataFrame:
        """Return `centre`, what is usual at each slot of a series, and of how many `samples`.

        A row each slot. The median of three to six hours of the week is itself uncertain. As far
        as it differs from the same hour of such days of late by no more than that, those tell (a
        James-Stein estimate): a Monday's job is kept, chance is not.
        """
        layout, calendar = self._layout, self._layout.calendar
        slots, days = middles.slots, middles.days
        id_ = pl.int_range(layout.count * calendar.slots, dtype=pl.UInt32, eager=True)
        id_ = id_ // calendar.slots
        day = id_ * calendar.days + slots["day"].cast(pl.UInt32())
        both = slots.select(
            pl.col("middle").alias("own"),
            "samples",
            days["middle"].gather(day).alias("of_days"),
            self._spread(x, slots["middle"]).gather(id_).alias("spread"),
        )
        away = pl.col("own") - pl.col("of_days")
        doubt = _SURE * _OF_MEDIAN * pl.col("spread") ** 2 / pl.col("samples")
        share = (1 - doubt / away**2).clip(0, 1)
        known = pl.when(away.abs() > 0).then(pl.col("of_days") + share * away)
        # Times at which a series rests stay apart from those at which it does not.
        rests = (pl.col("own") <= 0) | (pl.col("of_days") <= 0)
        centre = pl.when(rests).then("own").otherwise(pl.coalesce(known, "own"))
        return both.select(centre.alias("centre"), "samples")

    def _spread(self, x: pl.Series, own: pl.Series) -> pl.Series:
        """Return of each series how far its hours with calls stray from what is `own` to a slot."""
        layout = self._layout
        cells = pl.DataFrame({"id": layout.id, "x": x, "own": own.gather(layout.slot)})
        strays = cells.filter(pl.col("x") > 0).with_columns(pl.col("id").set_sorted())
        found = strays.group_by("id", maintain_order=True).agg(
            (_MAD * (pl.col("x") - pl.col("own")).abs().median()).alias("spread")
        )
        return laid(found["spread"], found["id"], layout.count)
