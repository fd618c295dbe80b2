"""What agents will have spent when a window ends: their usual hours, and how far these stray."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import erf, sqrt

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.rules.limits import Line

UNIT = 50_000_000
"""Nano-USD, as in `analytics/baseline.py`."""
_TOGETHER = 0.15
"""Share of what is to come that hours stray by together: a busy day is busy all day."""
_MONTH = 0.2
"""The same for days that are judged by those of the month so far."""
_WIDEST = 1.0
_NEARLY = 1 - 1e-6
"""Of a limit: sums of the same numbers differ by less, in whatever order they are taken."""
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Nano-USD at the end of a window: expected, and one standard deviation."""

    mean: float
    deviation: float

    def between(self, deviations: float = 1.645) -> tuple[int, int]:
        """Return low and high; nine times in ten it is between them, by default."""
        away = deviations * self.deviation
        return round(self.mean - away), round(self.mean + away)

    def above(self, amount: int) -> float:
        """Return the probability of more than `amount`."""
        if self.deviation <= 0:
            return float(self.mean > amount)
        return 0.5 * (1 - erf((amount - self.mean) / (self.deviation * sqrt(2))))


class Usual:
    """What agents usually spend in the hours from the present one on.

    Summed once for each end that is asked for. Agents of low history are not in it.
    """

    def __init__(self, frames: Frames, now: datetime) -> None:
        self._frames = frames
        self._now = now
        self._sums: dict[datetime, Mapping[str, tuple[float, float]]] = {}

    def until(self, end: datetime) -> Mapping[str, tuple[float, float]]:
        """Return what each agent will spend until `end`: mean and variance, nano-USD."""
        if end not in self._sums:
            sums = _coming(self._hours(), self._now, end)
            self._sums[end] = {agent: (mean, variance) for agent, mean, variance in sums.rows()}
        return self._sums[end]

    def _hours(self) -> pl.DataFrame:
        return self._frames.remembered.once(_usual, self._frames.baselines, hour_of(self._now))


def _usual(baselines: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return `mean` of each agent's hours from `present` on, and how `wide` they stray."""
    known = baselines.lazy().filter(
        pl.col("model").is_null() & (pl.col("ts") >= present) & (pl.col("basis") != "low")
    )
    wide = pl.col("scale").clip(upper_bound=_WIDEST) ** 2
    # Idle hours are those that usually see no calls: most of them will not.
    mean = ((pl.col("centre") + wide / 2).exp() - 1).clip(lower_bound=0) * UNIT
    return known.select(
        "agent",
        "ts",
        wide.exp().alias("wide"),
        pl.when(pl.col("basis") == "idle").then(0.0).otherwise(mean).alias("mean"),
    ).collect()


def _coming(hours: pl.DataFrame, now: datetime, end: datetime) -> pl.DataFrame:
    """Return what each agent will spend from `now` to `end`: `coming` and its `variance`."""
    hour_us = 3_600_000_000
    begins = pl.max_horizontal("ts", pl.lit(now))
    ends = pl.min_horizontal(pl.col("ts") + timedelta(hours=1), pl.lit(end))
    share = ((ends - begins).dt.total_microseconds() / hour_us).clip(lower_bound=0)
    return hours.group_by("agent", maintain_order=True).agg(
        (pl.col("mean") * share).sum().alias("coming"),
        (pl.col("mean") ** 2 * (pl.col("wide") - 1) * share).sum().alias("variance"),
    )


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the clock hour (UTC) that holds a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def outlook(line: Line, usual: Usual, now: datetime) -> Outlook | None:
    """Return what a limit in USD will have seen when its window ends.

    None where that is not known: a limit in tokens, agents of low history, a young month.
    """
    if line.unit != "usd":
        return None
    if line.resets_at - now > _DAY:
        return _by_days(line, now)
    hours = usual.until(line.resets_at)
    agents = sorted(hours.keys() if line.agents is None else line.agents)
    if not agents or not all(agent in hours for agent in agents):
        return None
    coming = sum(hours[agent][0] for agent in agents)
    variance = sum(hours[agent][1] for agent in agents)
    return Outlook(line.spent + coming, sqrt(variance + (coming * _TOGETHER) ** 2))


def may_pass(budgets: pl.DataFrame, baselines: pl.DataFrame, present: datetime) -> pl.DataFrame:
    """Return the limits of agents that are, in the hour from `present` on, more likely passed than
    not. Perhaps a few more: whether it is so, `outlook` says of each, and few are asked.

    What is to come grows less as time passes: at the hour's beginning it is the most.
    """
    hours = _usual(baselines, present)
    soon = budgets.filter(pl.col("resets_at") <= present + 2 * _DAY)
    by_hours = [
        soon.filter(pl.col("resets_at") == end)
        .join(_coming(hours, present, end), on="agent", how="inner")
        .filter(pl.col("spent") + pl.col("coming") > pl.col("limit") * _NEARLY)
        for end in soon["resets_at"].unique().sort().to_list()
    ]
    passed = (pl.lit(present) - pl.col("window_start")).dt.total_microseconds()
    left = (pl.col("resets_at") - pl.lit(present)).dt.total_microseconds()
    by_days = budgets.filter(
        (passed >= (_WEEK - timedelta(hours=1)) / timedelta(microseconds=1))
        & (pl.col("spent") * (1 + left / passed) > pl.col("limit") * _NEARLY)
    )
    key = ["agent", "period", "unit"]
    near = pl.concat([part.select(key) for part in (*by_hours, by_days)])
    return budgets.join(near, on=key, how="semi", maintain_order="left")


def _by_days(line: Line, now: datetime) -> Outlook | None:
    passed = now - line.window_start
    if passed < _WEEK:
        return None
    coming = line.spent * ((line.resets_at - now) / passed)
    return Outlook(line.spent + coming, coming * _MONTH)
