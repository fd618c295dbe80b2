"""Hours of many series in one column: one series after the other, each with all of its hours.

Where every series has as many cells, what belongs to a cell is found by its number, and hours that
are alike are put side by side by a list made once. Joins by series and hour take ten times as long.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.kept import HOUR, minute_of

AHEAD = 24
"""Hours from the present one on that a calendar knows."""

_DAY, _WEEK = 24, 168
_HOUR_US = 3_600_000_000


def hour_of(moment: datetime) -> int:
    """Return the hour that holds a moment, as a number since 1970."""
    return minute_of(moment) // HOUR


def moments(hour: pl.Series) -> pl.Series:
    """Return hours since 1970 as the times (UTC) at which they start."""
    started = (hour.cast(pl.Int64()) * _HOUR_US).cast(pl.Datetime("us"))
    return started.dt.replace_time_zone("UTC")


class Calendar:
    """The `width` hours before `present`, and `AHEAD` from it on: a row each, in order.

    Rows: `hour` since 1970; `weekend`, whether it is one in the zone; `day`, the hour of the day,
    of weekends apart; `slot`, which hours are alike: the same of the week where `basis` is so, else
    the same as `day`. There are `slots` of them, and `days`.
    """

    days = 2 * _DAY

    def __init__(self, present: int, width: int, basis: str, zone: ZoneInfo) -> None:
        self.present, self.width, self.basis = present, width, basis
        self.slots = _WEEK if basis == "week" else self.days
        hour = pl.int_range(present - width, present + AHEAD, dtype=pl.Int32, eager=True)
        weekend = moments(hour).dt.convert_time_zone(zone.key).dt.weekday() >= 6
        day = hour % _DAY + _DAY * weekend.cast(pl.Int32())
        slot = hour % _WEEK if basis == "week" else day
        self.hours = pl.DataFrame({"hour": hour, "weekend": weekend, "day": day, "slot": slot})


class Layout:
    """The cells of `count` series, `calendar.width` hours each, by their numbers.

    `id`: the series of each cell; `place`: of its hour in the calendar; `slot`: its time of the
    week or day, as `id * slots + slot`.
    """

    def __init__(self, count: int, calendar: Calendar) -> None:
        self.count, self.calendar = count, calendar
        cells = self.places(0, calendar.width)
        self.id, self.place = cells["id"], cells["place"]
        self.slot = self.slot_of(cells)

    def places(self, first: int, end: int) -> pl.DataFrame:
        """Return `id` and `place` of each series' hours from one place to before another."""
        first = max(0, first)
        many = max(1, end - first)
        cell = pl.int_range(self.count * many, dtype=pl.UInt32, eager=True)
        return pl.DataFrame({"id": (cell // many).set_sorted(), "place": cell % many + first})

    def cell_of(self, cells: pl.DataFrame) -> pl.Series:
        """Return the numbers of cells that are known by `id` and `place`."""
        return cells["id"] * self.calendar.width + cells["place"]

    def slot_of(self, cells: pl.DataFrame) -> pl.Series:
        """Return the slots of cells that are known by `id` and `place`."""
        slot = self.calendar.hours["slot"].cast(pl.UInt32())
        return cells["id"] * self.calendar.slots + slot.gather(cells["place"])


class Alike:
    """The cells of each series' hours between two places, those of one time side by side."""

    def __init__(self, layout: Layout, by: str, first: int, end: int) -> None:
        """`by`: the column of the calendar that says which hours are alike."""
        calendar = layout.calendar
        hours = calendar.hours.with_row_index("place")[max(0, first) : end].sort(by, "place")
        cells = Layout.places(layout, 0, hours.height)
        at = cells["place"]
        self._size = calendar.slots if by == "slot" else calendar.days
        self._time = calendar.hours[by].cast(pl.UInt32())
        self._day = hours["day"].gather(at)
        self._key = (cells["id"] * self._size + hours[by].cast(pl.UInt32()).gather(at)).set_sorted()
        self._cell = cells["id"] * calendar.width + hours["place"].gather(at)
        self._layout = layout

    def middles(self, x: pl.Series) -> pl.DataFrame:
        """Return `middle` of what cells hold at each time of each series, of how many `samples`.

        `day`: of the newest of them in the calendar. A row each, NULL where cells hold nothing.
        """
        return self._middles(x, self._key, self._cell, self._day)

    def renewed(self, known: pl.DataFrame, x: pl.Series, cells: pl.DataFrame) -> pl.DataFrame:
        """Return what `middles` does of `x`, which was `known` but for some cells (`id`, `place`):
        times that hold none of them are as they were."""
        time = cells["id"] * self._size + self._time.gather(cells["place"])
        changed = pl.repeat(value=False, n=known.height, dtype=pl.Boolean, eager=True)
        changed = changed.scatter(time, values=True) if cells.height else changed
        mine = changed.gather(self._key)
        anew = self._middles(x, *(each.filter(mine) for each in (self._key, self._cell, self._day)))
        return pl.select(
            pl.when(changed).then(anew[name]).otherwise(known[name]).alias(name)
            for name in known.columns
        )

    def _middles(
        self, x: pl.Series, key: pl.Series, cell: pl.Series, day: pl.Series
    ) -> pl.DataFrame:
        held = pl.DataFrame({"key": key, "x": x.gather(cell), "day": day})
        told = held.filter(pl.col("x").is_not_null()).with_columns(pl.col("key").set_sorted())
        found = told.group_by("key", maintain_order=True).agg(
            pl.col("x").median().alias("middle"),
            pl.len().cast(pl.Int64()).alias("samples"),
            pl.col("day").last(),
        )
        return placed(found, "key", self._layout.count * self._size)


def placed(rows: pl.DataFrame, by: str, size: int) -> pl.DataFrame:
    """Return `size` rows: those given at the places that `by` says, and NULL elsewhere."""
    return rows.select(laid(each, rows[by], size) for each in rows.drop(by))


def laid(values: pl.Series, at: pl.Series, size: int) -> pl.Series:
    """Return `size` values: those given at the places `at`, and NULL elsewhere."""
    empty = pl.repeat(None, size, dtype=values.dtype, eager=True).alias(values.name)
    return empty.scatter(at, values) if len(at) else empty
