"""Silent agent: one that called at these hours of the day before has stopped calling."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)
_SATURDAY = 5


@rule
class SilentAgent:
    """Tells when an agent with a regular rhythm has stopped calling.

    It called in the same clock hours the day before, and in this one two days before.
    An agent that sleeps at night is missed in the morning only. At weekends (in `timezone`) only
    those are missed that called in each hour of the day before their silence: what works around
    the clock works on Saturdays. One that is paused is silent, too.
    """

    hours: Annotated[int, Field(ge=1, le=12)] = 2
    """Whole clock hours without a call before anything is said."""

    min_calls: Annotated[int, Field(ge=1)] = 3
    """Calls that each of these hours had, for a rhythm to be one."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent that is missed."""
        present = now.replace(minute=0, second=0, microsecond=0)
        missed = [present - _HOUR * back for back in range(1, self.hours + 1)]
        counts = frames.remembered.once(_silent, frames.hours, missed[-1])
        for agent, by_hour in counts.items():
            if self._expected(by_hour, missed, frames.policy.zone):
                yield _finding(agent, max(by_hour), self.hours)

    def _expected(
        self, by_hour: dict[datetime, int], missed: list[datetime], zone: ZoneInfo
    ) -> bool:
        if missed[0].astimezone(zone).weekday() >= _SATURDAY:
            before = [missed[-1] - _HOUR * back for back in range(1, 25)]
            return all(by_hour.get(hour, 0) >= self.min_calls for hour in before)
        present = missed[0] + _HOUR
        # Of two days ago no more is known than the hour that is the present one now.
        same = [present - 2 * _DAY, *(hour - _DAY for hour in (present, *missed))]
        return all(by_hour.get(hour, 0) >= self.min_calls for hour in same)


def _silent(hours: pl.DataFrame, since: datetime) -> dict[str, dict[datetime, int]]:
    """Return the calls by hour of each agent that made none since `since`, in order of name."""
    called = hours.filter((pl.col("ts") >= since) & (pl.col("calls") > 0)).select("agent").unique()
    sums = (
        hours.filter(pl.col("agent").is_not_null())
        .join(called, on="agent", how="anti")
        .group_by("agent", "ts")
        .agg(pl.col("calls").sum())
    )
    counts: dict[str, dict[datetime, int]] = {}
    for agent, ts, calls in sums.sort("agent", "ts").iter_rows():
        counts.setdefault(agent, {})[ts] = calls
    return counts


def _finding(agent: str, last: datetime, hours: int) -> Finding:
    return Finding(
        rule="silent_agent",
        subject=agent,
        agent=agent,
        severity="warning",
        title=f"{agent} has stopped calling",
        headline=f"{agent} has made no call for {hours} h or more; on both days before it called"
        f" at this time. Its last call was in the hour from {last:%Y-%m-%d %H:%M} UTC",
        evidence={
            "agent": agent,
            "silent_hours": hours,
            "last_hour_with_calls": last.isoformat(timespec="minutes"),
        },
    )
