"""Clock skew: an agent's calls carry times that are far from those at which they arrive."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_ALIKE = 4
"""Behind is a clock whose calls are late alike: they differ by a part of what they are late."""


@rule
class ClockSkew:
    """Tells when the clock of an agent's machine seems to be wrong.

    Windows of budgets then hold what belongs to others, and rules look at the wrong minutes.

    A call that ends after it has arrived proves a clock that is ahead. One that is behind shows
    in calls that all arrive equally late; a collector that makes up for an outage, or an import,
    delivers calls that are late by very different times, and is no skew.
    """

    ahead_seconds: Annotated[int, Field(ge=1)] = 60
    """So far ahead may a call end."""

    behind_seconds: Annotated[int, Field(ge=60)] = 600
    """So late may an agent's calls arrive at the soonest."""

    min_calls: Annotated[int, Field(ge=1)] = 5
    """Calls in ten minutes before anything is said."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent whose times are off."""
        for row in frames.clocks.iter_rows(named=True):
            if row["calls"] < self.min_calls:
                continue
            least, most = row["least_ms"] // 1000, row["most_ms"] // 1000
            if least < -self.ahead_seconds:
                yield _finding(row, "ahead", -least)
            elif least > self.behind_seconds and (most - least) * _ALIKE < least:
                yield _finding(row, "behind", least)


def _finding(row: dict[str, Any], way: str, seconds: int) -> Finding:
    agent = row["agent"]
    off = timedelta(seconds=seconds)
    told = (
        f"calls of {agent} end up to {off} after they arrive: the clock of its machine is ahead"
        if way == "ahead"
        else f"all calls of {agent} arrive {off} late or more: the clock of its machine is behind,"
        " or its telemetry is held up"
    )
    return Finding(
        rule="clock_skew",
        subject=f"{agent}|{way}",
        agent=agent,
        severity="warning",
        title=f"{agent}: its clock is {way}",
        headline=told,
        evidence={
            "agent": agent,
            "direction": way,
            "seconds": seconds,
            "calls": row["calls"],
            "least_seconds": row["least_ms"] / 1000,
            "most_seconds": row["most_ms"] / 1000,
        },
        hold=timedelta(minutes=1),
        keep=timedelta(minutes=10),
        tell_resolved=True,
    )
