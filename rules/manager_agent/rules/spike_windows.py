"""Sliding hours: what each agent and model spent in the last hour, as of now and shortly before."""

from datetime import datetime, timedelta

import polars as pl

_STEP_MINUTES = 5
_BINS = 12
_HALF = _BINS // 2
ENTITY = ["agent", "provider", "model"]


def sliding_hours(minutes: pl.DataFrame, now: datetime, looks: int) -> pl.DataFrame:
    """Return `cost`, `newer`, `older` (its halves) of the hour up to `end`, and `before`, the cost
    of the hour before that, for several ends.

    `minutes`: as `Frames.minutes`. The first end is `now`, each further of `looks` lies five
    minutes before. The running five minutes count as if they were whole: an hour is never more
    than an hour. Agents have rows with model NULL for all their models, and rows a model.
    """
    steps = _stepped(minutes, now)
    if steps.is_empty():
        return (
            steps.select(*ENTITY)
            .with_columns(
                pl.lit(None, pl.Int64()).alias(name)
                for name in ("cost", "newer", "older", "before")
            )
            .with_columns(*(pl.lit(now).alias(name) for name in ("end", "begin", "prior")))
        )
    return pl.concat([_ending(steps, now, look) for look in range(looks)])


def _stepped(minutes: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the cost of each series by `back`: how many steps of five minutes ago."""
    running = now.replace(second=0, microsecond=0) - timedelta(minutes=now.minute % _STEP_MINUTES)
    step = pl.col("ts").dt.truncate(f"{_STEP_MINUTES}m")
    back = ((pl.lit(running) - step).dt.total_minutes() // _STEP_MINUTES).alias("back")
    kept = minutes.filter(pl.col("agent").is_not_null() & pl.col("cost").is_not_null())
    models = kept.group_by(*ENTITY, back).agg(pl.col("cost").sum())
    nothing = pl.lit(None, pl.String())
    totals = (
        models.group_by("agent", "back")
        .agg(pl.col("cost").sum())
        .with_columns(nothing.alias("provider"), nothing.alias("model"))
    )
    named = models.filter(pl.col("model").is_not_null())
    return pl.concat([totals.select(named.columns), named])


def _ending(steps: pl.DataFrame, now: datetime, look: int) -> pl.DataFrame:
    newer = pl.col("back").is_between(look, look + _HALF - 1)
    older = pl.col("back").is_between(look + _HALF, look + _BINS - 1)
    earlier = pl.col("back").is_between(look + _BINS, 2 * _BINS - 1)
    # Minutes reach back two hours: of the hour before an older end they hold a part.
    whole = _BINS / (_BINS - look)
    end = now - timedelta(minutes=_STEP_MINUTES * look)
    return (
        steps.group_by(ENTITY)
        .agg(
            pl.col("cost").filter(newer | older).sum(),
            pl.col("cost").filter(newer).sum().alias("newer"),
            pl.col("cost").filter(older).sum().alias("older"),
            (pl.col("cost").filter(earlier).sum() * whole).round().cast(pl.Int64()).alias("before"),
        )
        .with_columns(
            pl.lit(end).alias("end"),
            pl.lit(end - timedelta(minutes=_STEP_MINUTES * (_BINS - 1))).alias("begin"),
            pl.lit(end - timedelta(minutes=_STEP_MINUTES * (2 * _BINS - 1))).alias("prior"),
        )
    )
