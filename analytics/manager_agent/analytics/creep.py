"""Slow growth: what a call of an agent and model costs now, beside what it cost weeks ago.

Days are smoothed by an exponentially weighted mean (EWMA), each weighing as its calls do, so that a
day of few calls moves little. Sums of tokens and money are smoothed, and ratios taken of these.
"""

from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frames import CREEP

_HALF_LIFE_DAYS = 3.0
_GAP = 14
"""Days between what is now and what was then, at least."""
_SUMS = ["calls", "input_tokens", "output_tokens", "cache_read_tokens", "cost"]
_ENTITY = ["agent", "provider", "model"]


def creep(history: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return each agent's models as they are now and were two weeks ago (schema `CREEP`).

    `history`: as `Frames.hours`, of the last six weeks; its complete days (UTC) count. What is
    younger than three weeks has no row.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    known = history.filter(
        (pl.col("ts") < today) & pl.col("agent").is_not_null() & pl.col("model").is_not_null()
    )
    days = (
        known.group_by(*_ENTITY, pl.col("ts").dt.truncate("1d").alias("day"))
        .agg(pl.col(_SUMS).fill_null(0).sum())
        .sort(*_ENTITY, "day")
    )
    age = (pl.lit(today) - pl.col("day")).dt.total_days() - 1
    first = pl.col("day").min().over(_ENTITY)
    old_enough = days.with_columns(age.alias("age")).filter(
        first <= today - timedelta(days=_GAP + 7)
    )
    smooth = [
        (pl.col(name).cast(pl.Float64()) * _weight(shift)).sum().alias(f"{when}_{name}")
        for when, shift in (("now", 0), ("then", _GAP))
        for name in _SUMS
    ]
    weeks = pl.col("calls").filter(pl.col("age") < 7).sum().alias("week_calls")
    cost = pl.col("cost").filter(pl.col("age") < 7).sum().alias("week_cost")
    table = old_enough.group_by(_ENTITY, maintain_order=True).agg(*smooth, weeks, cost)
    ratios = [
        (pl.col(f"{when}_{name}") / pl.col(f"{when}_calls")).alias(f"{when}_{name}_per_call")
        for when in ("now", "then")
        for name in ("cost", "input_tokens", "output_tokens")
    ]
    shares = [
        (pl.col(f"{when}_cache_read_tokens") / pl.col(f"{when}_input_tokens"))
        .fill_nan(None)
        .alias(f"{when}_cached_share")
        for when in ("now", "then")
    ]
    seen = table.filter(
        (pl.col("now_calls") > 0) & (pl.col("then_calls") > 0) & (pl.col("week_calls") > 0)
    )
    return seen.with_columns(*ratios, *shares).select(CREEP.names()).cast(CREEP)


def _weight(shift: int) -> pl.Expr:
    """Return the weight of a day: half as much with every few days that it is older."""
    away = pl.col("age") - shift
    weight = (-away * 0.6931471805599453 / _HALF_LIFE_DAYS).exp()
    return pl.when(away >= 0).then(weight).otherwise(0.0)
