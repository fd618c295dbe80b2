"""Cost spike: an agent spends far more in an hour than it does in hours like this one."""

from collections.abc import Iterator
from datetime import datetime
from math import floor, log2
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.message import Fact
from manager_agent.rules.rule import rule
from manager_agent.rules.spike_bands import Bands, outside
from manager_agent.rules.spike_story import cause_facts, cause_words, causes, contributors, since
from manager_agent.rules.spike_windows import sliding_hours

_LIKE = {
    "week": "the same hour of the week, {} weeks",
    "day": "the same hour of {} days",
    "idle": "its {} hours with calls",
    "low": "low history: {} hours with calls",
}
_HOURS_OF_A_DAY = {"hour": 24.0, "day": 1.0, "month": 1 / 30}


@rule
class CostSpike:
    """Tells when an agent's last 60 minutes cost far more than hours like these normally do.

    Normal is the median of the same hour of the week (of the day, for young agents), and how far
    hours stray from it; jobs that recur, growth and deploys become normal. An agent that keeps no
    hours is held against all its hours with calls, and against twice what it spent in an hour on
    two days of the last two weeks. Both halves of the hour must be dear, or the hour ten times its
    normal, or two hours in a row somewhat less. The cost is split into causes that add up.
    """

    score: Annotated[float, Field(gt=0)] = 3.5
    """Robust standard deviations above normal, on a logarithmic scale."""

    min_ratio: Annotated[float, Field(ge=1)] = 2.5
    """Times normal that it must be, however steady the agent: less is growth, not a spike."""

    min_usd: Annotated[float, Field(ge=0)] = 0.5
    """USD above normal within the hour that are worth telling."""

    budget_percent: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Percent of the agent's daily budget that it must be above normal, too; of the hourly one 24
    times, of the monthly one a 30th. Does not count without a budget."""

    extreme_ratio: Annotated[float, Field(gt=1)] = 10.0
    """Times normal at which a single burst is told, however short."""

    low_history_ratio: Annotated[float, Field(gt=1)] = 5.0
    """Times normal for agents of less than three days, whose rhythm nobody knows yet."""

    remember_minutes: Annotated[int, Field(ge=0, le=55)] = 30
    """Minutes without a spike until it is over."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent whose cost is far above normal, by the largest excess."""
        if frames.baselines.is_empty() or frames.minutes.is_empty():
            return
        looks, least = 1 + self.remember_minutes // 5, self._least(frames)
        dear = self._dear(frames, least, now, looks)
        if dear.is_empty():
            return
        hours = sliding_hours(dear, now, looks)
        known = frames.baselines.join(dear.select("agent").unique(), on="agent", how="semi")
        ratios = (self.min_ratio, self.extreme_ratio, self.low_history_ratio)
        bands = Bands(self.score, *ratios, least)
        found = outside(hours, known, bands)
        # Of one agent: what spikes now before what did, the whole before one model, the largest.
        found = found.sort(
            ["agent", "end", pl.col("model").is_not_null(), "excess", "model"],
            descending=[False, True, False, True, False],
        )
        for row in found.unique("agent", keep="first", maintain_order=True).iter_rows(named=True):
            yield _finding(frames, row, now)

    def _dear(self, frames: Frames, least: pl.DataFrame, now: datetime, looks: int) -> pl.DataFrame:
        """Return the minutes of agents that may spike: most never come near, and cost nothing.

        Not all is asked of them that makes a spike, but all of them that spike pass.
        """
        spent = frames.minutes.group_by("agent").agg(pl.col("cost").sum())
        able = spent.join(least, on="agent").filter(pl.col("cost") >= pl.col("least"))
        worth = frames.minutes.join(able.select("agent"), on="agent", how="semi")
        if worth.is_empty():
            return worth
        whole = worth.with_columns(
            provider=pl.lit(None, pl.String()), model=pl.lit(None, pl.String())
        )
        most = sliding_hours(whole, now, looks).group_by("agent").agg(pl.col("cost").max())
        low = (
            frames.baselines.join(able.select("agent"), on="agent", how="semi")
            .filter(pl.col("model").is_null())
            .group_by("agent")
            .agg(pl.col("expected").min())
        )
        near = most.join(low, on="agent", how="left").join(least, on="agent", how="left")
        # A model's excess counts where half of it is the agent's.
        above = pl.col("cost") >= pl.col("expected").fill_null(0) + pl.col("least") / 2
        return worth.join(near.filter(above).select("agent"), on="agent", how="semi")

    def _least(self, frames: Frames) -> pl.DataFrame:
        """Return the least excess of each agent, nano-USD."""
        share = pl.col("limit") * pl.col("period").replace_strict(_HOURS_OF_A_DAY)
        budgets = frames.budgets.filter(pl.col("unit") == "usd")
        daily = budgets.group_by("agent").agg(
            (share * self.budget_percent / 100).min().alias("least")
        )
        agents = frames.minutes.select("agent").unique()
        least = pl.max_horizontal(pl.col("least").fill_null(0), self.min_usd * 1e9)
        return agents.join(daily, on="agent", how="left").select("agent", least.alias("least"))


def _finding(frames: Frames, row: dict[str, Any], now: datetime) -> Finding:
    agent, expected = row["agent"], row["expected"]
    ratio = row["cost"] / expected if expected else None
    parts = causes(frames, agent, now) if row["end"] == now else None
    times = f"{ratio:,.1f} times" if ratio is not None else "against"
    of = f" on {row['model']}" if row["model"] is not None else ""
    why = f": {cause_words(parts)}" if parts is not None and parts.total > 0 else ""
    return Finding(
        rule="cost_spike",
        subject=agent,
        agent=agent,
        severity="critical" if row["extreme"] else "warning",
        title=f"{agent}: cost spike",
        headline=f"{agent} spent {dollars(row['cost'])}{of} in the last hour, {times} the normal "
        f"{dollars(expected)} of {_LIKE[row['basis']].format(row['samples'])}{why}",
        evidence=_facts(frames, row, now)
        | (cause_facts(parts) if parts is not None else {})
        | contributors(frames, row),
        level=0 if not ratio else max(0, floor(log2(ratio))),
        tell_resolved=True,
        mutes=_explained(agent),
    )


def _explained(agent: str) -> tuple[Mutes, ...]:
    """Return what needs not be told beside: that the agent's budget is used up faster.

    That a limit is reached or nearly so is critical, and told all the same.
    """
    why = "a cost spike uses it up"
    return tuple(Mutes(rule=rule, why=why, agents=(agent,)) for rule in ("budget", "burn_rate"))


def _facts(frames: Frames, row: dict[str, Any], now: datetime) -> dict[str, Fact]:
    expected = row["expected"]
    return {
        "agent": row["agent"],
        "model": row["model"],
        "spent_usd": usd_text(row["cost"]),
        "normal_usd": usd_text(expected),
        "most_normal_usd": usd_text(round(row["upper"])),
        "excess_usd": usd_text(row["excess"]),
        "ratio": round(row["cost"] / expected, 1) if expected else None,
        "first_bad_hour": since(frames, row, now).isoformat(timespec="minutes"),
        "compared_with": row["basis"],
        "samples": row["samples"],
    }
