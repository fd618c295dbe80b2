"""How fast a limit is used up: two windows that must agree, as for error budgets."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.rules.limits import Line

_DAY, _MONTH = timedelta(days=1), timedelta(days=30)
_TWO_HOURS = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Watch:
    """A long and a short window, and how many times the even pace both must reach."""

    long: timedelta
    short: timedelta
    times: float


WATCHES = {
    "day": (
        Watch(timedelta(hours=1), timedelta(minutes=5), 6.0),  # a quarter of the day's in an hour
        Watch(timedelta(hours=2), timedelta(minutes=15), 4.0),  # a third in two hours
    ),
    "month": (
        Watch(timedelta(hours=1), timedelta(minutes=5), 14.4),  # 2 % of the month's in an hour
        Watch(timedelta(hours=6), timedelta(minutes=30), 6.0),  # 5 % in six hours
    ),
}
"""By period. An hour is too short for two windows: its shares (`budget`) tell as early."""

_LONGEST = timedelta(hours=7)
"""Whole hours that hold the longest window, wherever it begins."""
_LEAST = {
    "day": min(one.times * (one.long / _DAY) for one in WATCHES["day"]),
    "month": min(one.times * (one.long / _MONTH) for one in WATCHES["month"]),
}
"""The share of a limit that is used up where any watch is reached."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A limit that is used up too fast. `used`: in the `watch`'s long window, by `calls`.

    `times`: the even pace. `gone_at`: when nothing will be left if it goes on so.
    """

    watch: Watch
    used: int
    calls: int
    times: float
    gone_at: datetime


class Recent:
    """What each agent used within each window of the watches, summed once for all limits."""

    def __init__(self, frames: Frames, now: datetime) -> None:
        """Read minutes, and hours for what is longer: never more than the window."""
        self._frames = frames
        self._now = now
        self._sums: dict[timedelta, dict[str, tuple[int, int, int]]] = {}

    def near(self, budgets: pl.DataFrame, factor: float) -> pl.DataFrame:
        """Return the limits of agents that used enough of late for any watch to be reached.

        Not all that the watches ask for, but of 1,000 agents only these cost anything.
        """
        shorter = _summed(self._frames.minutes, self._now - _TWO_HOURS)
        longer = _summed(self._frames.hours, self._now - _LONGEST)
        used = pl.concat([shorter, longer]).group_by("agent").max()
        amount = pl.when(pl.col("unit") == "usd").then("cost").otherwise("tokens")
        enough = pl.col("limit") * pl.col("period").replace_strict(_LEAST, default=None) * factor
        kept = budgets.join(used, on="agent", how="inner", maintain_order="left")
        return kept.filter(amount >= enough).select(budgets.columns)

    def _within(self, span: timedelta) -> dict[str, tuple[int, int, int]]:
        if span not in self._sums:
            usage = self._frames.minutes if span <= _TWO_HOURS else self._frames.hours
            found = _summed(usage, self._now - span)
            self._sums[span] = {agent: tuple(sums) for agent, *sums in found.iter_rows()}
        return self._sums[span]

    def used(self, line: Line, within: timedelta) -> tuple[int, int]:
        """Return nano-USD or tokens, by the line's unit, and the number of calls."""
        sums = self._within(within)
        place = 0 if line.unit == "usd" else 1
        if line.agent is not None:
            found = sums.get(line.agent, (0, 0, 0))
            return found[place], found[2]
        mine = sums.keys() if line.agents is None else sums.keys() & line.agents
        return sum(sums[agent][place] for agent in mine), sum(sums[agent][2] for agent in mine)


def too_fast(
    line: Line, recent: Recent, now: datetime, factor: float, min_calls: int
) -> Pace | None:
    """Return the pace of a limit where both windows of a watch agree and it will not last.

    `factor`: on the watches' times.
    """
    if line.spent >= line.limit or line.limit <= 0:
        return None
    length = _DAY if line.period == "day" else _MONTH
    for watch in WATCHES.get(line.period, ()):
        used, calls = recent.used(line, watch.long)
        lately, _ = recent.used(line, watch.short)
        times = used / (line.limit * (watch.long / length))
        still = lately / (line.limit * (watch.short / length))
        if min(times, still) < watch.times * factor or calls < min_calls:
            continue
        gone_at = now + watch.long * ((line.limit - line.spent) / used)
        if gone_at < line.resets_at:
            return Pace(watch, used, calls, times, gone_at)
    return None


def _summed(usage: pl.DataFrame, since: datetime) -> pl.DataFrame:
    tokens = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    return (
        usage.filter((pl.col("ts") >= since) & pl.col("agent").is_not_null())
        .group_by("agent")
        .agg(pl.col("cost").sum(), tokens.sum().alias("tokens"), pl.col("calls").sum())
    )
