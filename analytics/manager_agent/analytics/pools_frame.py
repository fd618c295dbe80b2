"""Each limit that agents share, a group's or the fleet's, with what was spent of it."""

from collections.abc import Iterator, Mapping

import polars as pl

from manager_agent.analytics.frames import POOLS
from manager_agent.analytics.spend import Spends, spent
from manager_agent.contract.budget import BudgetPolicy, Limit, Limits
from manager_agent.contract.window import Period, Window

_SPENDERS = 3


def pools_spent(
    policy: BudgetPolicy, windows: Mapping[Period, Window], spends: Spends
) -> pl.DataFrame:
    """Return the shared limits of `policy` (schema `POOLS`), by scope, name, period and unit."""
    rows = [
        _row(scope, name, agents, limits, limit, windows[limit.period], spends)
        for scope, name, agents, limits in _pools(policy)
        for limit in limits.each()
    ]
    return pl.DataFrame(rows, schema=POOLS, orient="row")


def _pools(policy: BudgetPolicy) -> Iterator[tuple[str, str, frozenset[str] | None, Limits]]:
    if policy.fleet is not None:
        yield "fleet", "", None, policy.fleet
    for name, group in sorted(policy.groups.items()):
        yield "group", name, group.agents, group.limits


def _row(
    scope: str,
    name: str,
    agents: frozenset[str] | None,
    limits: Limits,
    limit: Limit,
    found: Window,
    spends: Spends,
) -> tuple[object, ...]:
    mine = {
        agent: spend
        for agent, spend in spends[limit.period].items()
        if agents is None or agent in agents
    }
    by_agent = {agent: spent(spend, limit) for agent, spend in mine.items()}
    spenders = sorted(
        (agent for agent in by_agent if by_agent[agent]), key=lambda a: (-by_agent[a], a)
    )
    return (
        *(scope, name, limit.period, limit.unit, limit.amount, sum(by_agent.values())),
        *(found.start, found.end, sum(spend.unpriced_calls for spend in mine.values())),
        *(limits.priority, limits.enforcement),
        None if agents is None else sorted(agents),
        spenders[:_SPENDERS],
    )
