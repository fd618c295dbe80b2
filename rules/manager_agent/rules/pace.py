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
        spans = {
            span for each in WATCHES.values() for one in each for span in (one.long, one.short)
        }
        self._sums = {
            span: _sums(frames.minutes if span <= _TWO_HOURS else frames.hours, now - span)
            for span in spans
        }

    def used(self, line: Line, within: timedelta) -> tuple[int, int]:
        """Return nano-USD or tokens, by the line's unit, and the number of calls."""
        sums = self._sums[within]
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


def _sums(usage: pl.DataFrame, since: datetime) -> dict[str, tuple[int, int, int]]:
    tokens = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    found = (
        usage.filter((pl.col("ts") >= since) & pl.col("agent").is_not_null())
        .group_by("agent")
        .agg(pl.col("cost").sum(), tokens.sum().alias("tokens"), pl.col("calls").sum())
    )
    return {agent: tuple(sums) for agent, *sums in found.iter_rows()}
