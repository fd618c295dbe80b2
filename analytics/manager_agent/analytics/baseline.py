"""What an hour of an agent normally costs: a robust baseline that knows the rhythm of the week.

Costs are compared as `x = log1p(cost / UNIT)`: multiples count alike at every size, and amounts far
below `UNIT` count as nothing. For every hour of the series, what is expected of it is

- `week`: the median of the same hour of the week in up to six weeks before, of three at least;
- `day`: younger series: the median of the same hour of the day in the two weeks before, working
  days and weekends apart, of three at least;
- `idle`: hours that are usually without calls: the median of its hours that had calls;
- `low`: less history than three days, or a kind of day never seen: the last 24 hours with calls.

What the last two days were above that by is added (growth and deploys become normal after a day,
and what fell is not forgotten: holidays end). Hours far outside leave the baseline, unless they
last for a day. Nothing here knows the clock: equal hours give equal baselines, live and replayed.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.baseline_scale import idle_part, with_level
from manager_agent.analytics.frames import BASELINES

HISTORY = timedelta(weeks=6)
"""How far back hours are of use."""

BEHIND, AHEAD = 5, 24
"""Hours before the present one, and after it, that a baseline is given for."""

UNIT = 50_000_000
"""Nano-USD: what is below five cents an hour is not told apart by multiples."""

_HOUR, _DAY, _WEEK = 1, 24, 168
_WEEK_LAGS = tuple(_WEEK * k for k in range(1, 7))
_DAY_LAGS = tuple(_DAY * k for k in range(1, 15))
_LEAST = 3
_YOUNG = timedelta(weeks=3)
_NEW = timedelta(days=3)
_FAR = 5.0
_LASTING = 24
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
    grid = _grid(series, present, zone)
    old = pl.col("first") <= present - _YOUNG
    parts = [
        _judged(part, lags, basis, present)
        for part, lags, basis in (
            (grid.filter(old), _WEEK_LAGS, "week"),
            (grid.filter(~old), _DAY_LAGS, "day"),
        )
        if not part.is_empty()
    ]
    return pl.concat(parts).select(BASELINES.names()).cast(BASELINES).sort(*_ENTITY, "ts")


def _series(history: pl.DataFrame) -> pl.DataFrame:
    """Return the cost by hour of each agent, and of each of its models where it has several."""
    models = history.group_by("ts", *_ENTITY).agg(pl.col("cost").sum())
    several = (
        models.group_by("agent")
        .agg(pl.struct("provider", "model").n_unique().alias("n"))
        .filter(pl.col("n") > 1)
        .select("agent")
    )
    totals = models.group_by("ts", "agent").agg(pl.col("cost").sum())
    nothing = pl.lit(None, pl.String())
    totals = totals.with_columns(nothing.alias("provider"), nothing.alias("model"))
    known = models.filter(pl.col("model").is_not_null()).join(several, on="agent", how="semi")
    return pl.concat([totals, known], how="diagonal")


def _grid(series: pl.DataFrame, present: datetime, zone: ZoneInfo) -> pl.DataFrame:
    """Return every hour of each series from its first to `AHEAD` of the present, idle ones too."""
    firsts = series.group_by(_ENTITY).agg(pl.col("ts").min().alias("first")).sort(_ENTITY)
    last = present + timedelta(hours=AHEAD)
    hours = pl.datetime_ranges("first", pl.lit(last), interval="1h").alias("ts")
    grid = firsts.with_row_index("id").with_columns(hours).explode("ts")
    joined = grid.join(series, on=[*_ENTITY, "ts"], how="left", nulls_equal=True)
    local = pl.col("ts").dt.convert_time_zone(zone.key)
    return joined.sort("id", "ts").with_columns(
        pl.when(pl.col("ts") < present)
        .then((pl.col("cost").fill_null(0) / UNIT).log1p())
        .alias("x"),
        (local.dt.weekday() >= 6).alias("weekend"),
    )


def _judged(
    grid: pl.DataFrame, lags: tuple[int, ...], basis: str, present: datetime
) -> pl.DataFrame:
    """Return the rows near the present with what is expected of them."""
    rough = with_level(_expected(grid, "x", lags), present)
    far = (pl.col("x") - pl.col("centre") - pl.col("level")) > _FAR * pl.col("scale")
    run = pl.struct("id", "far").rle_id()
    marked = (
        rough.with_columns((far & (pl.col("x") > 0)).fill_null(value=False).alias("far"))
        .with_columns(run.alias("run"))
        .with_columns((pl.col("far") & (pl.len().over("run") < _LASTING)).alias("far"))
        .with_columns(pl.when(~pl.col("far")).then("x").alias("clean"))
    )
    told = _expected(marked.drop("centre", "samples"), "clean", lags).with_columns(*_precedents())
    near = pl.col("ts").is_between(
        present - timedelta(hours=BEHIND), present + timedelta(hours=AHEAD - 1)
    )
    slots = told.filter(near).join(idle_part(marked), on="id", how="left")
    return _chosen(slots, basis, present)


def _expected(grid: pl.DataFrame, column: str, lags: tuple[int, ...]) -> pl.DataFrame:
    """Add `centre`, the median of the hours `lags` before, and of how many `samples`."""
    same_day = lags[0] % _WEEK != 0
    before = [_lagged(column, lag, same_day=same_day) for lag in lags]
    gathered = pl.concat_list(before).list.drop_nulls()
    return (
        grid.with_columns(gathered.alias("gathered"))
        .with_columns(
            pl.col("gathered").list.median().alias("centre"),
            pl.col("gathered").list.len().cast(pl.Int64()).alias("samples"),
        )
        .drop("gathered")
    )


def _lagged(column: str, lag: int, *, same_day: bool = False) -> pl.Expr:
    """Return a column so many hours before, within its series; `same_day`: of one kind."""
    mine = pl.col("id").shift(lag) == pl.col("id")
    if same_day:
        mine &= pl.col("weekend").shift(lag) == pl.col("weekend")
    return pl.when(mine).then(pl.col(column).shift(lag))


def _precedents() -> list[pl.Expr]:
    """Return the most that was seen at this time before: what recurs is no spike.

    An hour earlier or later counts. Once in the last two weeks at this time of the week is enough,
    or twice in the last seven days at this time of the day.
    """
    around = [
        pl.max_horizontal(*(_lagged("x", lag + by) for by in (-1, 0, 1))) for lag in _WEEK_LAGS
    ]
    days = [
        pl.max_horizontal(*(_lagged("x", _DAY * k + by) for by in (-1, 0, 1))) for k in range(1, 8)
    ]
    second = (
        pl.concat_list(days)
        .list.drop_nulls()
        .list.sort(descending=True)
        .list.get(1, null_on_oob=True)
    )
    return [pl.max_horizontal(*around[:2], second).fill_null(0.0).alias("precedent")]


def _chosen(slots: pl.DataFrame, basis: str, present: datetime) -> pl.DataFrame:
    """Choose the basis of each row, and turn its logarithms into nano-USD."""
    low = (
        (pl.col("first") > present - _NEW)
        | (pl.col("samples") < _LEAST)
        | pl.col("scale").is_null()
    )
    idle = ~low & (pl.col("centre") <= 0) & (pl.col("active") >= 2 * _LEAST)
    low |= ~idle & (pl.col("centre") <= 0)
    kind = pl.when(low).then(pl.lit("low")).when(idle).then(pl.lit("idle")).otherwise(pl.lit(basis))
    centre = (
        pl.when(low)
        .then("recent")
        .when(idle)
        .then("active_centre")
        .otherwise(pl.col("centre") + pl.col("level"))
    )
    # A median of few samples is itself uncertain; so much is added to the scale.
    uncertain = (1 + 1.57 / pl.col("samples").clip(1)).sqrt()
    scale = (
        pl.when(low)
        .then(None)
        .when(idle)
        .then("active_scale")
        .otherwise(pl.col("scale") * uncertain)
    )
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
