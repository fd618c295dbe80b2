"""The most that was seen at a time of the week or day before: what recurs is no spike."""

import polars as pl

from manager_agent.analytics.cells import Layout

_DAY, _WEEK = 24, 168
_REACH = 2 * _WEEK + 6
"""Hours before the present one that are looked at."""
_DAYS = range(1, 8)
_ANY = 14
"""Days before the present hour that tell of series that keep no hours."""


class Precedents:
    """Tells the precedent of some cells of each series."""

    def __init__(self, layout: Layout, cells: pl.DataFrame) -> None:
        """`cells`: those to tell of, by `id` and `place`."""
        self._layout = layout
        width = layout.calendar.width
        first = max(0, width - _REACH)
        self._read = layout.places(first, width)
        self._cell = layout.cell_of(self._read)
        place = pl.col("place").cast(pl.Int64())
        mine = pl.col("id").cast(pl.Int64()) * (width - first) - first
        weekend = layout.calendar.hours["weekend"]

        def before(lag: int, *also: pl.Expr) -> pl.Series:
            """Return where among those that are read so many hours before stand, NULL if none."""
            read = place.is_between(lag + first, lag + width - 1)
            known = read if not also else read & also[0]
            return cells.select(pl.when(known).then(mine + place - lag)).to_series()

        def like(lag: int) -> pl.Expr:
            """Say whether the hour so long before is of the same kind of day."""
            known = pl.DataFrame({"was": weekend.shift(lag), "is": weekend})
            same = known.select(pl.col("was") == pl.col("is")).to_series().fill_null(value=False)
            return pl.lit(same.gather(cells["place"]))

        self._weeks = [before(_WEEK * k) for k in (1, 2)]
        self._days = [before(_DAY * k, like(_DAY * k)) for k in _DAYS]

    def of(self, x: pl.Series) -> pl.Series:
        """Return the precedent of each cell, 0 without any. `x`: of all cells of the layout.

        An hour earlier or later counts. Once in the last two weeks at this time of the week is
        enough, or twice in the last seven days at this time of the day; of working days for
        working days, of weekends for weekends.
        """
        around = self._around(x)
        names = [f"day_{k}" for k in _DAYS]
        days = (around.gather(at).alias(name) for name, at in zip(names, self._days, strict=True))
        weeks = (around.gather(at).alias(f"week_{k}") for k, at in enumerate(self._weeks))
        table = pl.DataFrame([*days, *weeks])
        highest = pl.max_horizontal(*names)
        table = table.with_columns(highest.alias("highest"))
        # The second highest: the most below the highest, or that one if it was reached twice.
        top = pl.col("highest")
        reached = pl.sum_horizontal(*((pl.col(day) >= top).fill_null(value=False) for day in names))
        others = pl.max_horizontal(*(pl.when(pl.col(day) < top).then(day) for day in names))
        second = pl.when(reached >= 2).then(top).otherwise(others)
        most = pl.max_horizontal("week_0", "week_1", second)
        return table.select(most.fill_null(0.0).alias("precedent"))["precedent"]

    def _around(self, x: pl.Series) -> pl.Series:
        """Return the most of each hour and its neighbours, from its series' first one on."""
        of = pl.DataFrame({"place": self._read["place"], "x": x.gather(self._cell)})
        first, last = pl.col("place").min(), pl.col("place").max()
        earlier = pl.when(pl.col("place") > first).then(pl.col("x").shift(1))
        later = pl.when(pl.col("place") < last).then(pl.col("x").shift(-1))
        around = pl.when(pl.col("x").is_not_null()).then(pl.max_horizontal(earlier, "x", later))
        return of.select(around.alias("around"))["around"]


def second_day(x: pl.Series, layout: Layout) -> pl.DataFrame:
    """Return what each series (`id`) reached on two days of the last two weeks, at any hour.

    `second_day`: the second highest of each day's highest hour. Days end with the present hour, so
    what began today is of one day, however many of its hours it took. `x`: of all cells.
    """
    width = layout.calendar.width
    cells = layout.places(width - _ANY * _DAY, width)
    back = (width - 1 - cells["place"].cast(pl.Int32())).alias("back")
    hours = pl.DataFrame([cells["id"], back, x.gather(layout.cell_of(cells)).alias("x")])
    days = hours.group_by("id", pl.col("back") // _DAY).agg(pl.col("x").max())
    second = pl.col("x").top_k(2).min().alias("second_day")
    return days.filter(pl.col("x").is_not_null()).group_by("id").agg(second)
