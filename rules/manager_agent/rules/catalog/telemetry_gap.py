"""Telemetry gap: guards tell of more calls than spans arrive of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_FULL = 200_000
"""Calls that a frame has room for: of a fuller hour it does not hold all."""


@rule
class TelemetryGap:
    """Tells when the guards of an agent saw calls end of which no span came.

    Budgets hold all the same, since guards charge what they see; but reports, rules and issues
    know nothing of such calls. Guards' word is of twenty minutes that ended three minutes ago.
    """

    min_calls: Annotated[int, Field(ge=1)] = 10
    """Calls that may be missing in any case."""

    percent: Annotated[float, Field(gt=0, le=100)] = 10.0
    """Of the calls that guards told of: so many may be missing."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent of which calls are missing."""
        if frames.told.is_empty() or frames.calls.height >= _FULL:
            return
        since, until = frames.told["since"][0], frames.told["until"][0]
        mine = pl.col("guarded") & (pl.col("ts") >= since) & (pl.col("ts") <= until)
        seen = frames.calls.filter(mine).group_by("agent").len()
        arrived = dict(seen.iter_rows())
        for row in frames.told.iter_rows(named=True):
            told, came = row["calls"], arrived.get(row["agent"], 0)
            if told - came > max(self.min_calls, told * self.percent / 100):
                yield _finding(row["agent"], told, came)


def _finding(agent: str, told: int, came: int) -> Finding:
    missing = told - came
    return Finding(
        rule="telemetry_gap",
        subject=agent,
        agent=agent,
        severity="warning",
        title=f"{agent}: calls without a span",
        headline=f"guards of {agent} told of {told:,} calls in 20 min, spans of {came:,} arrived:"
        f" {missing:,} are in no report; look at its exporter, its collector and sampling",
        evidence={"agent": agent, "told": told, "arrived": came, "missing": missing},
        hold=timedelta(minutes=2),
        keep=timedelta(minutes=5),
        tell_resolved=True,
    )
