"""How far hours stray from what is expected of them: robust scales and the level of late."""

from datetime import datetime, timedelta

import polars as pl

_POOL = timedelta(weeks=2)
_LATELY = timedelta(days=2)
_TODAY = timedelta(hours=8)
_STEP = 0.8
"""A new level of up to 2.2 times (in logarithms) becomes normal within hours, not after a day."""
_MAD = 1.4826
"""Times the median absolute deviation: the standard deviation, where deviations are normal."""
_FLOOR = 0.1
"""Scale at least, in logarithms: 10 % of the cost."""
_TAIL, _TAIL_SIGMAS = 0.98, 3.0
"""One hour in 50 strays by 2 sigmas where deviations are normal; series whose 50th hour strays by
more than 3 have heavy tails, and their scale is widened so that it does not."""
_LEAST = 6
_ITSELF = 1.15
"""Medians of few hours lie near each of them; strays from them are so much too small."""


def scale_and_level(hours: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return `scale` and `level` of each series: how far its hours stray, where they lie of late.

    `hours`: `id`, `ts`, `x`, and `centre` with its number of `samples`. Hours that are idle as
    expected say nothing. `level` is never below 0: what rests is expected back.
    """
    strays = pl.col("x") - pl.col("centre")
    told = hours.filter(
        (pl.col("ts") >= present - _POOL)
        & (pl.col("samples") >= 3)
        & ((pl.col("x") > 0) | (pl.col("centre") > 0))
    ).select("id", strays.alias("r"), (pl.col("ts") >= present - _LATELY).alias("late"))
    middle, late = pl.col("r").median(), pl.col("r").filter("late")
    scale = _ITSELF * pl.max_horizontal(
        _MAD * (pl.col("r") - middle).abs().median(),
        pl.col("r").quantile(_TAIL, "lower") / _TAIL_SIGMAS,
        pl.lit(_FLOOR),
    )
    return told.group_by("id").agg(
        pl.when(pl.len() >= _LEAST).then(scale).alias("scale"),
        pl.when(late.len() >= _LEAST).then(late.median().clip(0)).fill_null(0.0).alias("level"),
    )


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
        pl.when((pl.len() >= _LEAST) & (lowest <= _STEP)).then(lowest.clip(0)).alias("step")
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
            pl.max_horizontal(
                _MAD * (x - x.median()).abs().median(),
                (x.quantile(_TAIL, "lower") - x.median()) / _TAIL_SIGMAS,
                pl.lit(2 * _FLOOR),
            ).alias("active_scale"),
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
