"""What an hour of an agent normally costs: a robust baseline that knows the rhythm of the week.

Costs are compared as `x = log1p(cost / UNIT)`: multiples count alike at every size, and amounts far
below `UNIT` count as nothing. For every hour of the series, what is expected of it is

- `week`: the median of the same hour of the week in up to six weeks before, of three at least; as
  far as so few can tell it from the same hour of the days of late;
- `day`: younger series: the median of the same hour of the day in the two weeks before, working
  days and weekends apart, of three at least;
- `idle`: hours that are usually without calls, and series without a rhythm: the median of its hours
  that had calls;
- `low`: less history than three days, or a kind of day never seen: the last 24 hours with calls.

What the last two days were above that by is added (growth and deploys become normal after a day,
new levels of up to twice after six hours; what fell is expected back, beyond two fifths: holidays
end). Hours far outside leave the baseline, unless they last for a day. Nothing here knows the
clock: equal hours give equal baselines, live and replayed.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.baseline_centre import usual_of
from manager_agent.analytics.baseline_scale import (
    idle_part,
    rough_scale,
    scale_and_level,
    step_of_today,
)
from manager_agent.analytics.frames import BASELINES

HISTORY = timedelta(weeks=6)
"""How far back hours are of use."""

BEHIND, AHEAD = 5, 24
"""Hours before the present one, and after it, that a baseline is given for."""

UNIT = 50_000_000
"""Nano-USD: what is below five cents an hour is not told apart by multiples."""

_DAY, _WEEK = 24, 168
_DAYS = timedelta(days=14)
_LEAST = 3
_YOUNG = timedelta(weeks=3)
_NEW = timedelta(days=3)
_FAR = 5.0
_LASTING = 24
_EXPLAINS = 0.6
_ENTITY = ["agent", "provider", "model"]


def baselines(history: pl.DataFrame, now: datetime, zone: ZoneInfo) -> pl.DataFrame:
    """Return what hours around `now` normally cost (schema `BASELINES`).

    `history`: `ts` (start of the hour, UTC), `agent`, `provider`, `model`, `cost` (nano-USD), of
    complete hours of the last six weeks; others are left out. `zone`: whose working days count.
    Each agent has rows with the model NULL, of all its models together, and rows of each model
    where it has several.
    """
    present = now.replace(minute=0, second=0, microsecond=0)
    within = (pl.col("ts") < present) & (pl.col("ts") >= present - HISTORY)
    series = _series(history.filter(within & pl.col("agent").is_not_null()))
    if series.is_empty():
        return pl.DataFrame(schema=BASELINES)
    firsts = series.group_by(_ENTITY).agg(pl.col("ts").min().alias("first")).sort(_ENTITY)
    firsts = firsts.with_row_index("id")
    grid = _grid(series, firsts, present, zone)
    old = pl.col("first") <= present - _YOUNG
    hour = pl.col("ts").dt.epoch("s") // 3600
    by_week, by_day = hour % _WEEK, hour % _DAY + _DAY * pl.col("weekend")
    parts = [
        _judged(part.with_columns(slot.cast(pl.Int16()).alias("slot")), basis, present)
        for part, slot, basis in (
            (grid.filter(old), by_week, "week"),
            (grid.filter(~old & (pl.col("ts") >= present - _DAYS)), by_day, "day"),
        )
        if not part.is_empty()
    ]
    named = pl.concat(parts).join(firsts.drop("first"), on="id")
    return named.select(BASELINES.names()).cast(BASELINES).sort(*_ENTITY, "ts")


def _series(history: pl.DataFrame) -> pl.DataFrame:
    """Return the cost by hour of each agent, and of each of its models where it has several."""
    models = history.select("ts", *_ENTITY, pl.col("cost").fill_null(0))
    counted = models.select(_ENTITY).unique().group_by("agent").len()
    several = counted.filter(pl.col("len") > 1).select("agent")
    nothing = pl.lit(None, pl.String())
    whole = [nothing.alias("provider"), nothing.alias("model")]
    mixed = models.join(several, on="agent", how="semi")
    parts = [
        models.join(several, on="agent", how="anti").with_columns(whole),
        mixed.group_by("ts", "agent").agg(pl.col("cost").sum()).with_columns(whole),
        mixed.filter(pl.col("model").is_not_null()),
    ]
    return pl.concat(part.select("ts", *_ENTITY, "cost") for part in parts)


def _grid(
    series: pl.DataFrame, firsts: pl.DataFrame, present: datetime, zone: ZoneInfo
) -> pl.DataFrame:
    """Return every hour of each series from its first to `AHEAD` of the present, idle ones too."""
    last = present + timedelta(hours=AHEAD)
    hours = pl.datetime_ranges("first", pl.lit(last), interval="1h").alias("ts")
    x = (pl.col("cost") / UNIT).log1p().alias("x")
    known = series.join(firsts, on=_ENTITY, nulls_equal=True).select("id", "ts", x)
    grid = (
        firsts.select("id", "first", hours)
        .explode("ts")
        .join(known, on=["id", "ts"], how="left", maintain_order="left")
    )
    local = pl.col("ts").dt.convert_time_zone(zone.key)
    return grid.with_columns(
        pl.when(pl.col("ts") < present).then(pl.col("x").fill_null(0.0)).alias("x"),
        (local.dt.weekday() >= 6).alias("weekend"),
    )


def _judged(grid: pl.DataFrame, basis: str, present: datetime) -> pl.DataFrame:
    """Return the rows near the present with what is expected of them."""
    start = present - timedelta(hours=BEHIND)
    before = grid.filter(pl.col("ts") < start)
    rough = before.join(usual_of(before, start), on=["id", "slot"], maintain_order="left")
    strays = rough.join(rough_scale(rough, present), on="id", maintain_order="left")
    far = (pl.col("x") - pl.col("centre") - pl.col("level")) > _FAR * pl.col("scale")
    stray = strays.filter(far & (pl.col("x") > 0))
    spikes, habit = _short_runs(stray), _habit(stray, present)
    clean = before.join(spikes, on=["id", "ts"], how="anti", maintain_order="left")
    told = grid.filter(pl.col("ts") >= present - _DAYS - timedelta(hours=BEHIND + 1))
    slots = _with_precedent(told).filter(
        pl.col("ts").is_between(start, present + timedelta(hours=AHEAD - 1))
    )
    usual = usual_of(clean, start)
    # What recurs is no spike: it stays among what tells how far the series strays.
    once = spikes.join(habit, on="id", how="anti")
    told_of = before.join(once, on=["id", "ts"], how="anti", maintain_order="left")
    scales = scale_and_level(told_of.join(usual, on=["id", "slot"]), present)
    lately = grid.filter(pl.col("ts") < present).join(usual, on=["id", "slot"])
    slots = slots.join(usual, on=["id", "slot"], how="left").join(scales, on="id", how="left")
    slots = slots.join(step_of_today(lately, present), on="id", how="left").with_columns(
        pl.max_horizontal("level", "step").alias("level")
    )
    slots = slots.join(habit, on="id", how="left").with_columns(
        pl.max_horizontal("precedent", "habit").alias("precedent")
    )
    active = idle_part(clean, grid.filter(pl.col("ts") < present))
    return _chosen(slots.join(active, on="id", how="left"), basis, present)


def _short_runs(far: pl.DataFrame) -> pl.DataFrame:
    """Return the hours of `far` that lie in rows of less than a day: what lasts is no spike."""
    hour = pl.col("ts").dt.epoch("s") // 3600
    run = far.select("id", "ts", (hour - pl.int_range(pl.len()).over("id")).alias("run"))
    return run.filter(pl.len().over("id", "run") < _LASTING)


def _habit(far: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return what each series strays to on every third of its days or so, at whichever hour.

    Jobs that run when somebody starts them are no news by the fourth time: `habit` is the third
    highest of the days in the last two weeks on which an hour was far outside.
    """
    days = far.filter(pl.col("ts") >= present - _DAYS).group_by(
        "id", pl.col("ts").dt.truncate("1d").alias("day")
    )
    highest = days.agg(pl.col("x").max()).group_by("id")
    return (
        highest.agg(pl.col("x").top_k(3).min().alias("habit"), pl.len().alias("days"))
        .filter(pl.col("days") >= _LEAST)
        .drop("days")
    )


def _lagged(column: str, lag: int) -> pl.Expr:
    """Return what was so many hours before, within its series."""
    return pl.when(pl.col("id").shift(lag) == pl.col("id")).then(pl.col(column).shift(lag))


def _with_precedent(hours: pl.DataFrame) -> pl.DataFrame:
    """Add the most that was seen at this time before: what recurs is no spike.

    An hour earlier or later counts. Once in the last two weeks at this time of the week is enough,
    or twice in the last seven days at this time of the day; of working days for working days, of
    weekends for weekends.
    """
    around = pl.max_horizontal(*(_lagged("x", by) for by in (-1, 0, 1))).alias("around")
    weeks = [_lagged("around", _WEEK * k) for k in (1, 2)]
    names = [f"day_{k}" for k in range(1, 8)]
    days = [
        pl.when(_lagged("weekend", _DAY * k) == pl.col("weekend"))
        .then(_lagged("around", _DAY * k))
        .alias(name)
        for k, name in enumerate(names, 1)
    ]
    highest = pl.max_horizontal(*names)
    # The second highest: the most below the highest, or that one again if it was reached twice.
    reached = pl.sum_horizontal(*((pl.col(day) >= highest).fill_null(value=False) for day in names))
    others = pl.max_horizontal(*(pl.when(pl.col(day) < highest).then(day) for day in names))
    second = pl.when(reached >= 2).then(highest).otherwise(others)
    week = pl.max_horizontal(*weeks).alias("week")
    found = hours.with_columns(around).with_columns(week, *days)
    return found.with_columns(pl.max_horizontal("week", second).fill_null(0.0).alias("precedent"))


def _chosen(slots: pl.DataFrame, basis: str, present: datetime) -> pl.DataFrame:
    """Choose the basis of each row, and turn its logarithms into nano-USD."""
    low = (
        (pl.col("first") > present - _NEW)
        | (pl.col("samples") < _LEAST)
        | pl.col("scale").is_null()
    )
    # A rhythm is of use where hours stray less from it than from one another.
    no_rhythm = pl.col("lumpy") | (pl.col("active_scale") < _EXPLAINS * pl.col("scale"))
    rests = (pl.col("centre") <= 0) | no_rhythm.fill_null(value=False)
    idle = ~low & rests & (pl.col("active") >= 2 * _LEAST)
    low |= ~idle & (pl.col("centre") <= 0)
    kind = pl.when(low).then(pl.lit("low")).when(idle).then(pl.lit("idle")).otherwise(pl.lit(basis))
    centre = (
        pl.when(low)
        .then("recent")
        .when(idle)
        .then("active_centre")
        .otherwise(pl.col("centre") + pl.col("level"))
    )
    scale = pl.when(low).then(None).when(idle).then("active_scale").otherwise("scale")
    samples = pl.when(low | idle).then("active").otherwise("samples")
    precedent = pl.when(low).then("highest").otherwise("precedent")
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
