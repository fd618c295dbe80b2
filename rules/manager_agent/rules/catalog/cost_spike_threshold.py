"""Cost spike threshold: the simple limit on spikes that people name in `thresholds`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_HOUR = timedelta(hours=1)


@rule
class CostSpikeThreshold:
    """Tells when an agent's cost in the clock hour is above `thresholds.cost_spike_percentage`.

    That many percent above the median of its last 24 hours that had calls. Watches only where the
    configuration names the key. Simple, and noisy by nature; `cost_spike` is the default detector.
    """

    min_hours: Annotated[int, Field(ge=1, le=24)] = 3
    """Hours with calls before the present one that a median needs."""

    min_usd: Annotated[float, Field(ge=0)] = 0.01
    """USD in the hour that are worth telling."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent whose present hour is above its median by the percentage."""
        percent = frames.thresholds.cost_spike_percentage
        if percent is None:
            return
        hour = now.replace(minute=0, second=0, microsecond=0)
        for row in self._hours(frames, hour).iter_rows(named=True):
            # Compared as whole numbers: twice the median, so that a half is one, too.
            allowed = Decimal(row["twice"]) * (100 + Decimal(str(percent)))
            if row["cost"] * 200 > allowed and row["cost"] >= self.min_usd * 1e9:
                yield _finding(row, percent, hour)

    def _hours(self, frames: Frames, hour: datetime) -> pl.DataFrame:
        """Return `cost` of each agent's present hour, and `twice` its median hour before."""
        called = frames.hours.filter(pl.col("agent").is_not_null() & (pl.col("calls") > 0))
        each = called.group_by("agent", "ts").agg(pl.col("cost").fill_null(0).sum()).sort("ts")
        before = pl.col("cost").filter(pl.col("ts") < hour).tail(24).sort()
        middle = (
            before.gather((before.len() - 1) // 2).sum() + before.gather(before.len() // 2).sum()
        )
        present = each.filter(pl.col("ts") == hour).select("agent", "cost")
        usual = (
            each.filter(pl.col("ts") < hour)
            .group_by("agent", maintain_order=True)
            .agg(before.len().alias("hours"), middle.alias("twice"))
            .filter(pl.col("hours") >= self.min_hours)
        )
        return present.join(usual, on="agent").sort("agent")


def _finding(row: dict[str, Any], percent: float, hour: datetime) -> Finding:
    agent, normal = row["agent"], row["twice"] // 2
    above = f"{row['cost'] * 100 / normal - 100:,.0f} %" if normal else "far"
    return Finding(
        rule="cost_spike_threshold",
        subject=f"{agent}|{hour:%Y-%m-%dT%HZ}",
        agent=agent,
        severity="warning",
        title=f"{agent}: cost above thresholds.cost_spike_percentage",
        headline=f"{agent} spent {dollars(row['cost'])} since {hour:%H:%M} UTC, {above} above the"
        f" median {dollars(normal)} of its last {row['hours']} hours with calls; the limit is"
        f" {percent:g} %",
        evidence={
            "agent": agent,
            "spent_usd": usd_text(row["cost"]),
            "normal_usd": usd_text(normal),
            "limit_percent": percent,
            "hours": row["hours"],
            "hour": hour.isoformat(timespec="minutes"),
        },
        until=hour + _HOUR,
    )
