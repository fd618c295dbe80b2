"""How far hours stray from what is expected of them: robust scales and the level of late."""

from datetime import datetime, timedelta

import polars as pl

_POOL = timedelta(weeks=3)
_LATELY = timedelta(days=2)
_MAD = 1.4826
"""Times the median absolute deviation: the standard deviation, where deviations are normal."""
_FLOOR = 0.1
"""Scale at least, in logarithms: 10 % of the cost."""
_TAIL, _TAIL_SIGMAS = 0.98, 3.0
"""One hour in 50 strays by 2 sigmas where deviations are normal; series whose 50th hour strays by
more than 3 have heavy tails, and their scale is widened so that it does not."""
_LEAST = 6


def with_level(grid: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Add `scale` and `level` of each series: how far its hours stray, and where they lie of late.

    `grid`: `id`, `ts`, `x`, and `centre` with its number of `samples`. Hours that are idle as
    expected say nothing. `level` is never below 0: what rests is expected back.
    """
    strays = pl.col("x") - pl.col("centre")
    told = grid.filter(
        (pl.col("ts") >= present - _POOL)
        & (pl.col("samples") >= 2)
        & ((pl.col("x") > 0) | (pl.col("centre") > 0))
    ).select("id", "ts", strays.alias("r"))
    late = (
        told.filter(pl.col("ts") >= present - _LATELY)
        .group_by("id")
        .agg(pl.when(pl.len() >= _LEAST).then(pl.col("r").median().clip(0)).alias("level"))
    )
    middle = pl.col("r").median()
    pooled = told.group_by("id").agg(
        pl.when(pl.len() >= _LEAST)
        .then(
            pl.max_horizontal(
                _MAD * (pl.col("r") - middle).abs().median(),
                pl.col("r").quantile(_TAIL, "lower") / _TAIL_SIGMAS,
                pl.lit(_FLOOR),
            )
        )
        .alias("scale")
    )
    return (
        grid.join(pooled, on="id", how="left", maintain_order="left")
        .join(late, on="id", how="left", maintain_order="left")
        .with_columns(pl.col("level").fill_null(0.0))
    )


def idle_part(grid: pl.DataFrame) -> pl.DataFrame:
    """Return of each series what its hours with calls are like.

    `active`: how many there are; `active_centre`, `active_scale` of those not far outside;
    `recent`: the median of the last 24 but the newest; `highest`: the most. NULL where none is.
    """
    active = grid.filter(pl.col("x") > 0)
    usual = pl.col("clean").drop_nulls()
    recent = pl.col("x").head(pl.len() - 1).tail(24)
    return active.group_by("id", maintain_order=True).agg(
        pl.len().cast(pl.Int64()).alias("active"),
        usual.median().alias("active_centre"),
        pl.max_horizontal(
            _MAD * (usual - usual.median()).abs().median(),
            (pl.col("x").quantile(_TAIL, "lower") - usual.median()) / _TAIL_SIGMAS,
            pl.lit(2 * _FLOOR),
        ).alias("active_scale"),
        pl.when(pl.len() >= 3).then(recent.median()).alias("recent"),
        pl.col("x").head(pl.len() - 1).max().alias("highest"),
    )
