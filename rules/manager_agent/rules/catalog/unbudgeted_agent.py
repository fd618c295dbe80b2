"""Unbudgeted agent: an agent spends, and no limit bounds what it can spend."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.amounts import counted, dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_DAY = timedelta(hours=24)


@rule
class UnbudgetedAgent:
    """Tells once of an agent that spends while no limit bounds it: its own, a group's, the fleet's.

    Where nothing at all is limited it is told once, of all agents together. It is over when a limit
    is set, or the agent has spent little for a day.
    """

    min_usd_per_day: Annotated[float, Field(ge=0)] = 1.0
    """USD in the last 24 hours that are worth telling."""

    remember_days: Annotated[int, Field(ge=1)] = 30
    """Days after it was seen last in which it is not told again."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent that spends unbounded, or all of them at once."""
        lately = frames.remembered.rows(frames.hours, after=now - _DAY)
        free = frames.remembered.once(self._free, lately, frames.policy)
        until = now + timedelta(days=self.remember_days)
        if free and not frames.policy.periods():
            yield _all(free, until)
            return
        for agent, cost in free:
            yield _one(agent, cost, until)

    def _free(self, lately: pl.DataFrame, policy: BudgetPolicy) -> list[tuple[str, int]]:
        """Return who spent enough unbounded, in order of name, and how much."""
        spent = (
            lately.filter(pl.col("agent").is_not_null())
            .group_by("agent")
            .agg(pl.col("cost").sum())
            .filter(pl.col("cost") >= self.min_usd_per_day * 1e9)
        )
        return [each for each in spent.sort("agent").iter_rows() if not _bounded(each[0], policy)]


def _bounded(agent: str, policy: BudgetPolicy) -> bool:
    own = policy.limits_of(agent)
    shared = [one.limits for one in policy.groups.values() if agent in one.agents]
    entries = [one for one in (own, policy.fleet, *shared) if one is not None]
    return any(limit for entry in entries for limit in entry.each())


def _one(agent: str, cost: int, until: datetime) -> Finding:
    return Finding(
        rule="unbudgeted_agent",
        subject=agent,
        agent=agent,
        severity="warning",
        title=f"{agent}: no budget",
        headline=f"{agent} spent {dollars(cost)} in the last 24 h and no limit bounds it; "
        f"`manager-agent budget set {agent} --daily-usd …` sets one",
        evidence={"agent": agent, "spent_usd": usd_text(cost)},
        until=until,
    )


def _all(free: list[tuple[str, int]], until: datetime) -> Finding:
    total = sum(cost for _, cost in free)
    top = sorted(free, key=lambda one: (-one[1], one[0]))[:3]
    return Finding(
        rule="unbudgeted_agent",
        subject="*",
        agent=None,
        severity="info",
        title="no budgets are set",
        headline=f"{counted(len(free), 'agent')} spent {dollars(total)} in the last 24 h and no "
        "limit bounds them; limits are set under `agent_budgets`",
        evidence={
            "agents": len(free),
            "spent_usd": usd_text(total),
            "top_agents": ", ".join(f"{agent} {dollars(cost)}" for agent, cost in top),
        },
        until=until,
    )
