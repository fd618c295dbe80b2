"""Success rate: too few of an agent's calls succeed, over a longer time than a burst."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule


@rule
class SuccessRate:
    """Tells when too few of an agent's calls succeed over an hour, whatever is usual for it."""

    minutes: Annotated[int, Field(ge=5, le=120)] = 60
    """Minutes that are looked at."""

    min_calls: Annotated[int, Field(ge=1)] = 50
    """Calls in these minutes before anything is said."""

    percent: Annotated[float, Field(gt=0, le=100)] = 90.0
    """The share of calls that must succeed."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent whose calls succeed too seldom."""
        since = now - timedelta(minutes=self.minutes)
        recent = frames.remembered.rows(frames.minutes, since=since)
        yield from frames.remembered.once(self._found, recent)

    def _found(self, recent: pl.DataFrame) -> tuple[Finding, ...]:
        sums = (
            recent.filter(pl.col("agent").is_not_null())
            .group_by("agent")
            .agg(pl.col("calls").sum(), pl.col("errors").sum())
            .filter((pl.col("calls") >= self.min_calls) & (pl.col("errors") > 0))
        )
        shares = (
            (row, 100 * (row["calls"] - row["errors"]) / row["calls"])
            for row in sums.sort("agent").iter_rows(named=True)
        )
        return tuple(_finding(row, share, self) for row, share in shares if share < self.percent)


def _finding(row: dict[str, Any], share: float, rule: SuccessRate) -> Finding:
    agent = row["agent"]
    return Finding(
        rule="success_rate",
        subject=agent,
        agent=agent,
        severity="warning",
        title=f"{agent}: too few calls succeed",
        headline=f"{share:.1f} % of the calls of {agent} succeeded in the last {rule.minutes} min"
        f" ({row['errors']:,} of {row['calls']:,} failed); at least {rule.percent:g} % should",
        evidence={
            "agent": agent,
            "success_percent": round(share, 1),
            "least_percent": rule.percent,
            "errors": row["errors"],
            "calls": row["calls"],
            "minutes": rule.minutes,
        },
        hold=timedelta(minutes=5),
        tell_resolved=True,
    )
