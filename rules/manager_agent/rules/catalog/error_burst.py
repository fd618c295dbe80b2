"""Error burst: an agent's calls fail far more often than they used to."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import sqrt
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_DEVIATIONS = 4.0
_ALWAYS = 50.0
"""Percent of calls: where more than these fail usually, no failures stand out."""


@rule
class ErrorBurst:
    """Tells when the share of an agent's calls that fail is well above its own past.

    Its past is the last two days without the last hours that are looked at. An agent without a
    past is held against `usual_percent`. It is over when the share is normal again, or when the
    agent calls no more.
    """

    minutes: Annotated[int, Field(ge=2, le=60)] = 10
    """Minutes that are looked at."""

    min_calls: Annotated[int, Field(ge=1)] = 20
    """Calls in these minutes before anything is said: of few calls, few failures say little."""

    min_errors: Annotated[int, Field(ge=1)] = 10
    """Failed calls in these minutes before anything is said."""

    times: Annotated[float, Field(gt=1)] = 3.0
    """How many times its usual share of failures it must reach; but no more than half of what
    usually succeeds."""

    more_percent: Annotated[float, Field(gt=0, le=100)] = 20.0
    """How many percent of its calls more than usual must fail."""

    usual_percent: Annotated[float, Field(ge=0, le=100)] = 2.0
    """What is usual for an agent without a past, and the least that is usual for any."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent whose failures stand out."""
        since = now - timedelta(minutes=self.minutes)
        known = frames.remembered
        recent = known.rows(frames.minutes, since=since)
        failing = known.once(self._failing, recent)
        if failing.is_empty():
            return
        # The clock hour before the burst may hold its beginning: leave it and the present one out.
        before = known.rows(frames.hours, before=since - timedelta(hours=1))
        past = known.once(_past, before)
        for row in failing.join(past, on="agent", how="left").sort("agent").iter_rows(named=True):
            usual = self._usual(row)
            share = 100 * row["errors"] / row["calls"]
            if share >= self._least(usual) and _no_chance(row, usual):
                yield _finding(row, share, usual, self.minutes)

    def _failing(self, recent: pl.DataFrame) -> pl.DataFrame:
        """Return the agents with failures enough to say anything."""
        enough = (pl.col("calls") >= self.min_calls) & (pl.col("errors") >= self.min_errors)
        return _by_agent(recent).filter(enough)

    def _least(self, usual: float) -> float:
        """Return the percent that must fail: what often fails cannot fail thrice as often."""
        least = max(self.times * usual, usual + self.more_percent)
        return least if usual > _ALWAYS else min(least, (100 + usual) / 2)

    def _usual(self, row: dict[str, Any]) -> float:
        calls = row["past_calls"] or 0
        if calls < self.min_calls:
            return self.usual_percent
        share: float = 100 * row["past_errors"] / calls
        return max(self.usual_percent, share)


def _no_chance(row: dict[str, Any], usual: float) -> bool:
    """Tell whether so many failures are beyond four standard deviations of what is usual."""
    expected = row["calls"] * usual / 100
    return bool(row["errors"] >= expected + _DEVIATIONS * sqrt(expected * (1 - usual / 100)))


def _past(before: pl.DataFrame) -> pl.DataFrame:
    return _by_agent(before).rename({"calls": "past_calls", "errors": "past_errors"})


def _by_agent(frame: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.filter(pl.col("agent").is_not_null())
        .group_by("agent")
        .agg(pl.col("calls").sum(), pl.col("errors").sum())
    )


def _finding(row: dict[str, Any], share: float, usual: float, minutes: int) -> Finding:
    agent = row["agent"]
    return Finding(
        rule="error_burst",
        subject=agent,
        agent=agent,
        severity="critical" if share >= 80 else "warning",
        title=f"{agent}: many calls fail",
        headline=f"{share:.0f} % of the calls of {agent} failed in the last {minutes} min"
        f" ({row['errors']:,} of {row['calls']:,}); usual is {usual:.0f} %",
        evidence={
            "agent": agent,
            "failed_percent": round(share, 1),
            "usual_percent": round(usual, 1),
            "errors": row["errors"],
            "calls": row["calls"],
            "minutes": minutes,
            "past_calls": row["past_calls"] or 0,
        },
        level=1 if share < 80 else 2,
        hold=timedelta(0),
        tell_resolved=True,
    )
