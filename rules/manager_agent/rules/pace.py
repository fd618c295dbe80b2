"""How fast a limit is used up: two windows that must agree, as for error budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.analytics.remembered import Rows
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
        self._sums: dict[timedelta, Mapping[str, tuple[int, int, int]]] = {}

    def wide(self) -> tuple[Rows, Rows]:
        """Return minutes and hours that hold all windows of the watches, and a little more: so a
        look soon after sees the same."""
        known = self._frames.remembered
        minutes = known.rows(self._frames.minutes, since=_floor(self._now - _TWO_HOURS))
        return minutes, known.rows(self._frames.hours, since=self._now - _LONGEST)

    def _within(self, span: timedelta) -> Mapping[str, tuple[int, int, int]]:
        if span not in self._sums:
            usage = self._frames.minutes if span <= _TWO_HOURS else self._frames.hours
            rows = self._frames.remembered.rows(usage, since=self._now - span)
            self._sums[span] = self._frames.remembered.once(_by_agent, rows)
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


def near(
    budgets: pl.DataFrame, minutes: pl.DataFrame, hours: pl.DataFrame, factor: float
) -> pl.DataFrame:
    """Return the limits of agents that used enough of late for any watch to be reached.

    Not all that the watches ask for, but of 1,000 agents only these cost anything. `minutes` and
    `hours`: as `Recent.wide` has them.
    """
    used = pl.concat([_summed(minutes), _summed(hours)]).group_by("agent").max()
    amount = pl.when(pl.col("unit") == "usd").then("cost").otherwise("tokens")
    enough = pl.col("limit") * pl.col("period").replace_strict(_LEAST, default=None) * factor
    kept = budgets.join(used, on="agent", how="inner", maintain_order="left")
    return kept.filter(amount >= enough).select(budgets.columns)


def _by_agent(usage: pl.DataFrame) -> Mapping[str, tuple[int, int, int]]:
    return {agent: tuple(sums) for agent, *sums in _summed(usage).iter_rows()}


def _summed(usage: pl.DataFrame) -> pl.DataFrame:
    tokens = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    return (
        usage.filter(pl.col("agent").is_not_null())
        .group_by("agent")
        .agg(pl.col("cost").sum(), tokens.sum().alias("tokens"), pl.col("calls").sum())
    )


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)
