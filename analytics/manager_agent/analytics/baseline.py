"""What an hour of an agent normally costs: a robust baseline that knows the rhythm of the week.

Costs are compared as `x = log1p(cost / UNIT)`: multiples count alike at every size, and amounts far
below `UNIT` count as nothing. For every hour of the series, what is expected of it is

- `week`: the median of the same hour of the week in up to six weeks before, of three at least; as
  far as so few can tell it from the same hour of the days of late;
- `day`: younger series: the median of the same hour of the day in the two weeks before, working
  days and weekends apart, of three at least;
- `idle`: hours that are usually without calls, and series without a rhythm: the median of its hours
  that had calls; their precedent is what was reached on two days, at whichever hour;
- `low`: less history than three days, or a kind of day never seen: the last 24 hours with calls.

What the last two days were above that by is added (growth and deploys become normal after a day,
new levels of up to twice after six hours; what fell is expected back, beyond two fifths: holidays
end). Hours far outside leave the baseline, unless they last for a day. Nothing here knows the
clock: equal hours give equal baselines, live and replayed.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.baseline_centre import Usual
from manager_agent.analytics.baseline_precedent import Precedents, second_day
from manager_agent.analytics.baseline_scale import (
    POOL,
    TODAY,
    idle_part,
    rough_scale,
    scale_and_level,
    step_of_today,
)
from manager_agent.analytics.cells import AHEAD, Calendar, Layout, hour_of, moments, placed
from manager_agent.analytics.frames import BASELINES
from manager_agent.analytics.lines import ENTITY, HISTORY, UNIT, Lines

BEHIND = 5
"""Hours before the present one that a baseline is given for; `AHEAD` of it: those after it."""

_WEEK, _DAYS = 168, 14 * 24
_LEAST = 3
_YOUNG = 3 * _WEEK
_NEW = 72
_FAR = 5.0
_LASTING = 24
_EXPLAINS = 0.6
_TOGETHER = 300
"""Series that are worked on at a time: of thousands together it takes more memory, and longer."""


def baselines(history: pl.DataFrame, now: datetime, zone: ZoneInfo) -> pl.DataFrame:
    """Return what hours around `now` normally cost (schema `BASELINES`).

    `history`: `ts` (start of the hour, UTC), `agent`, `provider`, `model`, `cost` (nano-USD), of
    complete hours of the last six weeks; others are left out. `zone`: whose working days count.
    Each agent has rows with the model NULL, of all its models together, and rows of each model
    where it has several.
    """
    present = hour_of(now)
    return of_lines(Lines().with_usage(history).within(present - HISTORY, present), present, zone)


def of_lines(lines: Lines, present: int, zone: ZoneInfo) -> pl.DataFrame:
    """Return what `baselines` does, of lines that hold the `HISTORY` hours before `present`."""
    series = lines.series()
    old = series["first"] <= present - _YOUNG
    parts = [
        part
        for mine, basis, width in ((old, "week", HISTORY), (~old, "day", _DAYS))
        for part in _of_basis(lines, series.filter(mine), Calendar(present, width, basis, zone))
    ]
    if not parts:
        return pl.DataFrame(schema=BASELINES)
    return pl.concat(parts).select(BASELINES.names()).cast(BASELINES).sort(*ENTITY, "ts")


@dataclass(frozen=True, slots=True)
class _Tools:
    """What is made once for series of one `layout`; `near`: the cells that are told of."""

    layout: Layout
    near: pl.DataFrame
    usual: Usual
    precedents: Precedents


def _of_basis(lines: Lines, series: pl.DataFrame, calendar: Calendar) -> list[pl.DataFrame]:
    """Return the rows of some series, some after the other."""
    width, found = calendar.width, list[pl.DataFrame]()
    x, tools = lines.dense(series["line"], calendar), None
    for at in range(0, series.height, _TOGETHER):
        mine = series[at : at + _TOGETHER]
        if tools is None or tools.layout.count != mine.height:
            layout = Layout(mine.height, calendar)
            near = layout.places(width - BEHIND, width + AHEAD)
            tools = _Tools(layout, near, Usual(layout, width - BEHIND), Precedents(layout, near))
        cells = x[at * width : (at + mine.height) * width]
        found.append(_judged(mine, _filled(cells, mine["first"], tools.layout), tools))
    return found


def _filled(x: pl.Series, first: pl.Series, layout: Layout) -> pl.Series:
    """Return `x` with nothing spent in the hours that are not known, from each series' first on."""
    place = first - (layout.calendar.present - layout.calendar.width)
    cells = pl.DataFrame({"x": x, "place": layout.place, "first": place.gather(layout.id)})
    since = pl.col("place") >= pl.col("first")
    return cells.select(pl.when(since).then(pl.col("x").fill_null(0.0)))["x"]


def _judged(series: pl.DataFrame, x: pl.Series, tools: _Tools) -> pl.DataFrame:
    """Return the rows near the present with what is expected of them.

    `series`: one row each, with `first`, its first hour. `x`: of its cells.
    """
    layout, usual = tools.layout, tools.usual
    count, width = layout.count, layout.calendar.width
    newest = layout.place >= width - BEHIND
    before = pl.select(pl.when(~newest).then(x).alias("x"))["x"]
    middles = usual.middles(before)
    centre = usual.of(before, middles)
    rough = placed(rough_scale(_lately(before, centre, layout, POOL)), "id", count)
    stray = _far(before, centre, rough, layout)
    spikes, habit = _short_runs(stray), _habit(stray, layout.calendar)
    clean = _without(before, spikes, layout)
    usually = usual.of(clean, usual.renewed(middles, clean, spikes))
    # What recurs is no spike: it stays among what tells how far the series strays.
    told_of = _without(before, spikes.join(habit, on="id", how="anti"), layout)
    scales = scale_and_level(_lately(told_of, usually, layout, POOL))
    step = step_of_today(_lately(x, usually, layout, TODAY))
    active = idle_part(*(pl.DataFrame({"id": layout.id, "x": of}) for of in (clean, x)))
    slots = _near(series, x, usually, tools)
    for each in (scales, step, habit, active, second_day(x, layout)):
        mine = placed(each, "id", count)
        slots = slots.with_columns(one.gather(slots["id"]) for one in mine)
    slots = slots.with_columns(
        pl.max_horizontal("level", "step").alias("level"),
        pl.max_horizontal("precedent", "habit").alias("precedent"),
    )
    return _chosen(slots, layout.calendar)


def _lately(x: pl.Series, usual: pl.DataFrame, layout: Layout, hours: int) -> pl.DataFrame:
    """Return the last `hours` of each series with what is usual, as `scale_and_level` wants it."""
    calendar = layout.calendar
    cells = layout.places(calendar.width - hours, calendar.width)
    hour = calendar.hours["hour"].gather(cells["place"])
    own = x.gather(layout.cell_of(cells))
    slot = layout.slot_of(cells)
    known = pl.DataFrame(
        [cells["id"], hour, (calendar.present - hour).alias("ago"), own.alias("x")]
    )
    every = known.with_columns(each.gather(slot) for each in usual)
    return every.filter(pl.col("x").is_not_null())


def _far(x: pl.Series, usual: pl.DataFrame, rough: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return the cells (`id`, `place`, `x`) that lie far above what is usual."""
    cells = pl.DataFrame(
        {
            "id": layout.id,
            "place": layout.place,
            "x": x,
            "centre": usual["centre"].gather(layout.slot),
            "level": rough["level"].gather(layout.id),
            "scale": rough["scale"].gather(layout.id),
        }
    )
    far = (pl.col("x") - pl.col("centre") - pl.col("level")) > _FAR * pl.col("scale")
    return cells.filter(far & (pl.col("x") > 0)).select("id", "place", "x")


def _without(x: pl.Series, cells: pl.DataFrame, layout: Layout) -> pl.Series:
    """Return `x` without the values of some cells."""
    return x.clone().scatter(layout.cell_of(cells), None) if cells.height else x


def _near(series: pl.DataFrame, x: pl.Series, usual: pl.DataFrame, tools: _Tools) -> pl.DataFrame:
    """Return the rows near the present, from each series' first hour on."""
    cells = tools.near
    id_, slot = cells["id"], tools.layout.slot_of(cells)
    hour = tools.layout.calendar.hours["hour"].gather(cells["place"])
    first = series["first"]
    named = [*series.select(ENTITY), first.alias("since"), moments(first).alias("first")]
    return cells.with_columns(
        hour.alias("hour"),
        moments(hour).alias("ts"),
        tools.precedents.of(x).alias("precedent"),
        *(each.gather(id_) for each in named),
        *(each.gather(slot) for each in usual),
    ).filter(pl.col("hour") >= pl.col("since"))


def _short_runs(far: pl.DataFrame) -> pl.DataFrame:
    """Return the hours of `far` that lie in rows of less than a day: what lasts is no spike."""
    place = pl.col("place").cast(pl.Int64())
    run = far.select("id", "place", (place - pl.int_range(pl.len()).over("id")).alias("run"))
    return run.filter(pl.len().over("id", "run") < _LASTING).select("id", "place")


def _habit(far: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Return what each series strays to on every third of its days or so, at whichever hour.

    Jobs that run when somebody starts them are no news by the fourth time: `habit` is the third
    highest of the days in the last two weeks on which an hour was far outside.
    """
    hour = pl.col("place").cast(pl.Int32()) + (calendar.present - calendar.width)
    late = far.with_columns(hour.alias("hour")).filter(pl.col("hour") >= calendar.present - _DAYS)
    days = late.group_by("id", pl.col("hour") // 24)
    highest = days.agg(pl.col("x").max()).group_by("id")
    return (
        highest.agg(pl.col("x").top_k(3).min().alias("habit"), pl.len().alias("days"))
        .filter(pl.col("days") >= _LEAST)
        .drop("days")
    )


def _chosen(slots: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Choose the basis of each row, and turn its logarithms into nano-USD."""
    low = (
        (pl.col("since") > calendar.present - _NEW)
        | (pl.col("samples") < _LEAST)
        | pl.col("scale").is_null()
    )
    # A rhythm is of use where hours stray less from it than from one another.
    no_rhythm = pl.col("lumpy") | (pl.col("active_scale") < _EXPLAINS * pl.col("scale"))
    rests = (pl.col("centre") <= 0) | no_rhythm.fill_null(value=False)
    idle = ~low & rests & (pl.col("active") >= 2 * _LEAST)
    low |= ~idle & (pl.col("centre") <= 0)
    kind = (
        pl.when(low)
        .then(pl.lit("low"))
        .when(idle)
        .then(pl.lit("idle"))
        .otherwise(pl.lit(calendar.basis))
    )
    centre = (
        pl.when(low)
        .then("recent")
        .when(idle)
        .then("active_centre")
        .otherwise(pl.col("centre") + pl.col("level"))
    )
    scale = pl.when(low).then(None).when(idle).then("active_scale").otherwise("scale")
    samples = pl.when(low | idle).then("active").otherwise("samples")
    # Who keeps no hours has no time of the day that a precedent could be of.
    anywhere = pl.max_horizontal("precedent", "second_day")
    precedent = pl.when(low).then("highest").when(idle).then(anywhere).otherwise("precedent")
    return slots.with_columns(
        kind.alias("basis"),
        centre.alias("centre"),
        scale.alias("scale"),
        samples.alias("samples"),
        _nano(centre).alias("expected"),
        _nano(precedent).alias("precedent"),
    ).filter(pl.col("centre").is_not_null())


def _nano(x: pl.Expr) -> pl.Expr:
    return (((x.exp() - 1) * UNIT).round()).cast(pl.Int64())
