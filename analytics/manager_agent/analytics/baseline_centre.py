"""The middle of each time of the week or day: as much of the week's as its samples can carry."""

from datetime import datetime, timedelta

import polars as pl

_LATE = timedelta(weeks=3)
_MAD = 1.4826
_OF_MEDIAN = 1.57
"""Variance of a median of `n` samples, times n, in variances of one."""
_SURE = 2.0


def usual_of(hours: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return `centre`, what is usual at each time (`slot`) of a series, and of how many `samples`.

    `hours`: `id`, `ts`, `x`, `slot`, `weekend`. The median of three to six hours of the week is
    itself uncertain. As far as it differs from the same hour of such days of late by no more than
    that, those tell (a James-Stein estimate): a Monday's job is kept, chance is not.
    """
    x = pl.col("x")
    slots = hours.group_by("id", "slot").agg(
        x.median().alias("own"),
        pl.len().cast(pl.Int64()).alias("samples"),
        (pl.col("ts").last().dt.epoch("s") // 3600 % 24 + 24 * pl.col("weekend").last()).alias(
            "day"
        ),
    )
    strays = hours.join(slots.select("id", "slot", "own"), on=["id", "slot"]).filter(x > 0)
    spread = strays.group_by("id").agg((_MAD * (x - pl.col("own")).abs().median()).alias("spread"))
    hour = (pl.col("ts").dt.epoch("s") // 3600 % 24 + 24 * pl.col("weekend")).alias("day")
    days = (
        hours.filter(pl.col("ts") >= now - _LATE)
        .group_by("id", hour)
        .agg(x.median().alias("of_days"))
    )
    both = slots.join(days, on=["id", "day"], how="left").join(spread, on="id", how="left")
    away = pl.col("own") - pl.col("of_days")
    doubt = _SURE * _OF_MEDIAN * pl.col("spread") ** 2 / pl.col("samples")
    share = (1 - doubt / away**2).clip(0, 1)
    known = pl.when(away.abs() > 0).then(pl.col("of_days") + share * away)
    # Times at which a series rests stay apart from those at which it does not.
    rests = (pl.col("own") <= 0) | (pl.col("of_days") <= 0)
    centre = pl.when(rests).then("own").otherwise(pl.coalesce(known, "own"))
    return both.select("id", "slot", centre.alias("centre"), "samples")
