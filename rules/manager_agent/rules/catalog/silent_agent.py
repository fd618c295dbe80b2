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
_STRAYS = 0.25
"""Share of its hours in which an agent with regular hours may differ from the day before: it begins
a little later, or was out of order for an hour or two of a long day."""


@rule
class SilentAgent:
    """Tells when an agent with a regular rhythm has stopped calling.

    It called in the same clock hours the day before, and in this one two days before. Both days
    before its silence had calls in the same hours, but for one in four: who calls now and then
    keeps no hours, and is not missed (working days are compared with working days, weekends with
    weekends). An agent that sleeps at night is missed in the morning only. At weekends (in
    `timezone`) only those are missed that called in each hour of the day before their silence: what
    works around the clock works on Saturdays. One that is paused is silent, too.
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
        if _weekend(missed[0], zone):
            before = [missed[-1] - _HOUR * back for back in range(1, 25)]
            return all(by_hour.get(hour, 0) >= self.min_calls for hour in before)
        present = missed[0] + _HOUR
        # Of two days ago no more is known than the hour that is the present one now.
        same = [present - 2 * _DAY, *(hour - _DAY for hour in (present, *missed))]
        if any(by_hour.get(hour, 0) < self.min_calls for hour in same):
            return False
        before = [present - _HOUR * back for back in range(self.hours + 1, 25)]
        return _regular(by_hour, before, zone)


def _regular(by_hour: dict[datetime, int], hours: list[datetime], zone: ZoneInfo) -> bool:
    """Say whether there were calls in the same of these hours as a day before each."""
    alike = [hour for hour in hours if _weekend(hour, zone) == _weekend(hour - _DAY, zone)]
    called = [(by_hour.get(hour, 0) > 0, by_hour.get(hour - _DAY, 0) > 0) for hour in alike]
    differ = sum(now != before for now, before in called)
    return differ <= _STRAYS * sum(now or before for now, before in called)


def _weekend(hour: datetime, zone: ZoneInfo) -> bool:
    return hour.astimezone(zone).weekday() >= _SATURDAY


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
