"""How far hours stray from what is expected of them: robust scales and the level of late."""

from datetime import datetime, timedelta

import polars as pl

_POOL = timedelta(weeks=2)
_LATELY = timedelta(days=2)
_TODAY = timedelta(hours=8)
_STEP = 0.8
"""A new level of up to 2.2 times (in logarithms) becomes normal within hours, not after a day."""
_WEEK = timedelta(days=7)
_FELL = 0.5
"""What fell for a week is expected back all the same, as far as it is more than this (40 %)."""
_MAD = 1.4826
"""Times the median absolute deviation: the standard deviation, where deviations are normal."""
_FLOOR = 0.1
"""Scale at least, in logarithms: 10 % of the cost."""
_OFTEN, _SELDOM = 0.90, 0.98
_REACH = 3.6
"""How far beyond the 50th hour an hour in 3,300 lies, in distances from the 10th to the 50th:
log(330) / log(5), as multiples above normal fall off exponentially (of counts) or faster."""
_SIGMAS = 3.43
"""Standard deviations at which one hour in 3,300 lies where deviations are normal."""
_LEAST = 6
_ITSELF = 1.1
"""Medians of few hours lie near each of them, and are uncertain; strays are so much larger."""
_LUMPY = 0.2
"""Share of the hours expected to have calls that have none, from which no hour is expected to."""


def rough_scale(hours: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return `scale` and `level` as `scale_and_level` does, by the middle half of strays alone.

    Blind to tails: what it shows to be far outside may be a spike, or one of many that recur.
    """
    told = _told(hours, present)
    middle, late = pl.col("r").median(), pl.col("r").filter("late")
    scale = _ITSELF * pl.max_horizontal(
        _MAD * (pl.col("r") - middle).abs().median(), pl.lit(_FLOOR)
    )
    return told.group_by("id").agg(
        pl.when(pl.len() >= _LEAST).then(scale).alias("scale"),
        pl.when(late.len() >= _LEAST).then(late.median().clip(0)).fill_null(0.0).alias("level"),
    )


def scale_and_level(hours: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return `scale` and `level` of each series: how far its hours stray, where they lie of late.

    `hours`: `id`, `ts`, `x`, and `centre` with its number of `samples`. Hours that are idle as
    expected say nothing. `level`: what rests is expected back, unless it fell by little for a week.
    `lumpy`: whether hours with calls and hours without follow no rhythm.
    """
    told = _told(hours, present)
    r = pl.col("r")
    # What rests did not fall.
    late, week = r.filter("late"), r.filter((pl.col("ts") >= present - _WEEK) & (pl.col("x") > 0))
    rose = pl.when(late.len() >= _LEAST).then(late.median()).fill_null(0.0)
    fell = pl.max_horizontal(rose, week.median()).clip(-_FELL, 0)
    found = told.group_by("id").agg(
        pl.when(pl.len() >= _LEAST).then(_ITSELF * _tail(pl.col("around"))).alias("scale"),
        pl.when(rose > 0).then(rose).otherwise(fell).fill_null(0.0).alias("level"),
    )
    # Day by day: what rests for days is idle, not lumpy.
    days = (
        told.filter(pl.col("centre") > 0)
        .group_by("id", pl.col("ts").dt.truncate("1d"))
        .agg((pl.col("x") <= 0).mean().alias("idle"))
    )
    lumpy = days.group_by("id").agg((pl.col("idle").median() > _LUMPY).alias("lumpy"))
    return found.join(lumpy, on="id", how="left")


def _told(hours: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return the strays `r` of the hours that tell of late, and `around`, beside their week's."""
    told = hours.filter(
        (pl.col("ts") >= present - _POOL)
        & (pl.col("samples") >= 3)
        & ((pl.col("x") > 0) | (pl.col("centre") > 0))
    ).select(
        "id",
        "ts",
        "x",
        "centre",
        (pl.col("x") - pl.col("centre")).alias("r"),
        (pl.col("ts") >= present - _LATELY).alias("late"),
    )
    # What grows or falls all the time lies apart from week to week, and strays no more for it.
    week = (pl.col("ts") >= present - _WEEK).alias("newest")
    return told.with_columns((pl.col("r") - pl.col("r").median().over("id", week)).alias("around"))


def _tail(r: pl.Expr) -> pl.Expr:
    """Return the standard deviation of normal strays that reach as high as the tail of these.

    `r`: logarithms of multiples of what is normal.

    What is above normal is what matters, and lower strays say nothing of it: counts that are small
    are often nothing, and never minus as much. Multiples above normal are taken to fall off
    exponentially from the tenth highest on, as counts do; quantiles keep a spike from widening it.
    """
    often = r.quantile(_OFTEN, "linear").exp() - 1
    seldom = r.quantile(_SELDOM, "linear").exp() - 1
    reached = often + _REACH * (seldom - often)
    return pl.max_horizontal(reached.log1p() / _SIGMAS, pl.lit(_FLOOR))


def step_of_today(hours: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return `step` of each series: a new level that its last hours all share, such as a deploy's.

    `hours`: as for `scale_and_level`, up to `present`. All but one of six hours or more lie that
    high. What is much higher is no new level yet: it is told until it has lasted for a day.
    """
    lowest = (pl.col("x") - pl.col("centre")).sort().slice(1, 1).first()
    recent = hours.filter(
        (pl.col("ts") >= present - _TODAY) & (pl.col("samples") >= 3) & (pl.col("x") > 0)
    )
    return recent.group_by("id").agg(
        pl.when((pl.len() >= _LEAST) & lowest.is_between(0, _STEP)).then(lowest).alias("step")
    )


def idle_part(clean: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """Return of each series what its hours with calls are like.

    `clean`: `hours` without those far outside and the newest. `active`: how many there are;
    `active_centre`, `active_scale`; of all hours but the newest with calls: `recent`, the median of
    the last 24, and `highest`. NULL where there are too few.
    """
    x = pl.col("x")
    usual = (
        clean.filter(x > 0)
        .group_by("id")
        .agg(
            x.median().alias("active_centre"),
            pl.max_horizontal(_tail(x - x.median()), pl.lit(2 * _FLOOR)).alias("active_scale"),
        )
    )
    known = x.head(pl.len() - 1)
    latest = (
        hours.filter(x > 0)
        .group_by("id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64()).alias("active"),
            pl.when(pl.len() >= 3).then(known.tail(24).median()).alias("recent"),
            known.max().alias("highest"),
        )
    )
    return latest.join(usual, on="id", how="left")
