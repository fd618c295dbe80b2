"""The most that was seen at a time of the week or day before: what recurs is no spike."""

import polars as pl

from manager_agent.analytics.cells import Layout

_DAY, _WEEK = 24, 168
_REACH = 2 * _WEEK + 6
"""Hours before the present one that are looked at."""


def precedents(x: pl.Series, cells: pl.DataFrame, layout: Layout) -> pl.Series:
    """Return the precedent of each of `cells` (`id`, `place`), 0 without any.

    `x`: of all cells. An hour earlier or later counts. Once in the last two weeks at this time of
    the week is enough, or twice in the last seven days at this time of the day; of working days
    for working days, of weekends for weekends.
    """
    weekend = layout.calendar.hours["weekend"]
    around, first = _around(x, layout)
    width = layout.calendar.width - first

    def before(lag: int) -> pl.Series:
        """Return what was around so many hours before, NULL where that is not known."""
        place = cells["place"].cast(pl.Int64()) - (lag + first)
        known = (place >= 0) & (place < width)
        at = pl.select(
            pl.when(known).then(cells["id"].cast(pl.Int64()) * width + place)
        ).to_series()
        return around.gather(at)

    def like(lag: int) -> pl.Series:
        """Return whether the hour so long before is of the same kind of day."""
        place = cells["place"].cast(pl.Int64())
        at = pl.select(pl.when(place >= lag).then(place - lag)).to_series()
        return weekend.gather(at) == weekend.gather(place)

    names = [f"day_{k}" for k in range(1, 8)]
    table = pl.DataFrame({f"week_{k}": before(_WEEK * k) for k in (1, 2)}).with_columns(
        *(before(_DAY * k).alias(name) for k, name in enumerate(names, 1)),
        *(like(_DAY * k).alias(f"like_{name}") for k, name in enumerate(names, 1)),
    )
    table = table.with_columns(pl.when(f"like_{name}").then(name).alias(name) for name in names)
    highest = pl.max_horizontal(*names)
    # The second highest: the most below the highest, or that one again if it was reached twice.
    reached = pl.sum_horizontal(*((pl.col(day) >= highest).fill_null(value=False) for day in names))
    others = pl.max_horizontal(*(pl.when(pl.col(day) < highest).then(day) for day in names))
    second = pl.when(reached >= 2).then(highest).otherwise(others)
    most = pl.max_horizontal("week_1", "week_2", second)
    return table.select(most.fill_null(0.0).alias("precedent"))["precedent"]


def _around(x: pl.Series, layout: Layout) -> tuple[pl.Series, int]:
    """Return the most of each hour of late and its neighbours, and the place of the first one."""
    first = max(0, layout.calendar.width - _REACH)
    cells = layout.places(first, layout.calendar.width)
    of = pl.DataFrame({"place": cells["place"], "x": x.gather(layout.cell_of(cells))})
    earlier = pl.when(pl.col("place") > first).then(pl.col("x").shift(1))
    later = pl.when(pl.col("place") < layout.calendar.width - 1).then(pl.col("x").shift(-1))
    return of.select(pl.max_horizontal(earlier, "x", later).alias("around"))["around"], first
