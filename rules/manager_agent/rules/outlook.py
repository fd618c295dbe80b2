"""What agents will have spent when a window ends: their usual hours, and how far these stray."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import erf, exp, expm1, sqrt

import polars as pl

from manager_agent.rules.limits import Line

UNIT = 50_000_000
"""Nano-USD, as in `analytics/baseline.py`."""
_TOGETHER = 0.15
"""Share of what is to come that hours stray by together: a busy day is busy all day."""
_MONTH = 0.2
"""The same for days that are judged by those of the month so far."""
_WIDEST = 1.0
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_Hour = tuple[datetime, float, float]


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


def usual_hours(baselines: pl.DataFrame, now: datetime) -> Mapping[str, list[_Hour]]:
    """Return of each agent its hours from the present one on: start, mean and variance of cost.

    Agents of low history are not in it.
    """
    present = now.replace(minute=0, second=0, microsecond=0)
    known = baselines.filter(
        pl.col("model").is_null() & (pl.col("ts") >= present) & (pl.col("basis") != "low")
    )
    found: dict[str, list[_Hour]] = {}
    rows = known.select("agent", "ts", "centre", "scale", "basis").sort("agent", "ts").iter_rows()
    for agent, ts, centre, scale, basis in rows:
        wide = min(scale, _WIDEST)
        # Idle hours are those that usually see no calls: most of them will not.
        mean = UNIT * max(0.0, expm1(centre + wide * wide / 2)) if basis != "idle" else 0.0
        found.setdefault(agent, []).append((ts, mean, mean * mean * (exp(wide * wide) - 1)))
    return found


def outlook(line: Line, usual: Mapping[str, list[_Hour]], now: datetime) -> Outlook | None:
    """Return what a limit in USD will have seen when its window ends.

    None where that is not known: a limit in tokens, agents of low history, a young month.
    """
    if line.unit != "usd":
        return None
    if line.resets_at - now > _DAY:
        return _by_days(line, now)
    agents = usual.keys() if line.agents is None else line.agents
    if not agents or not all(agent in usual for agent in agents):
        return None
    mean, variance = float(line.spent), 0.0
    coming = 0.0
    for agent in agents:
        for ts, hour, stray in usual[agent]:
            share = _share(ts, now, line.resets_at)
            coming += hour * share
            variance += stray * share
    return Outlook(mean + coming, sqrt(variance + (coming * _TOGETHER) ** 2))


def _by_days(line: Line, now: datetime) -> Outlook | None:
    passed = now - line.window_start
    if passed < _WEEK:
        return None
    coming = line.spent * ((line.resets_at - now) / passed)
    return Outlook(line.spent + coming, coming * _MONTH)


def _share(ts: datetime, now: datetime, end: datetime) -> float:
    """Return how much of the hour from `ts` lies between `now` and `end`."""
    hour = timedelta(hours=1)
    return max(0.0, (min(ts + hour, end) - max(ts, now)) / hour)
