"""Which limits hold for an agent: its own, its groups' and the fleet's, as configured or set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from manager_agent.contract.budget import BudgetPolicy, Enforcement, Group, Limits, Unit
from manager_agent.contract.money import usd
from manager_agent.contract.window import Period
from manager_agent.control.rows import NOTHING, PRIORITIES, LimitKey, LimitSet, Scope, Shares

DEFAULT = "default"
"""Stands for each agent that has no entry of its own, as in the configuration."""

_LOWEST = 4


@dataclass(frozen=True, slots=True)
class Term:
    """One limit that holds for an agent. `amount` None: only counted, since it was taken away."""

    scope: Scope
    name: str
    period: Period
    unit: Unit
    amount: int | None
    enforcement: Enforcement = "hard"
    floors: Shares = NOTHING


@dataclass(frozen=True, slots=True)
class Terms:
    """All limits: entries as configured or set by people, and single amounts set over those."""

    policy: BudgetPolicy = field(default_factory=BudgetPolicy)
    set_by_people: Mapping[LimitKey, LimitSet] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone whose calendar windows follow."""
        return self.policy.zone

    def priority_of(self, agent: str) -> int:
        """Return 1 (critical) to 4 (low)."""
        entry = self.policy.limits_of(agent)
        return entry.priority if entry else _LOWEST

    def groups_of(self, agent: str) -> list[str]:
        """Return the names of the groups that `agent` belongs to."""
        groups = self.policy.groups.items()
        return [name for name, group in groups if agent in group.agents]

    @property
    def effective(self) -> BudgetPolicy:
        """Return all limits as a policy: what rules and people see."""
        policy = self.policy
        for one in self.set_by_people.values():
            policy = _amended(policy, one)
        return policy

    def covers(self, scope: Scope, name: str, agent: str) -> bool:
        """Say whether what `agent` spends counts against the limits of a scope."""
        if scope == "group":
            return agent in self.policy.groups.get(name, Group()).agents
        return scope == "fleet" or name == agent

    def of(self, agent: str, unit: Unit) -> list[Term]:
        """Return the limits of `unit` that hold for `agent`, its own first."""
        found = list(self._entry("agent", agent, self.policy.limits_of(agent), {}))
        for name in self.groups_of(agent):
            group = self.policy.groups[name]
            found += self._entry("group", name, group.limits, group.floors)
        found += self._entry("fleet", "", self.policy.fleet, {})
        return [term for term in found if term.unit == unit]

    def term_of(self, key: LimitKey) -> Term:
        """Return one limit; its amount is None where there is none."""
        scope, name, period, unit = key
        if scope == "agent":
            found = self._entry(scope, name, self.policy.limits_of(name), {})
        elif scope == "group":
            group = self.policy.groups.get(name, Group())
            found = self._entry(scope, name, group.limits, group.floors)
        else:
            found = self._entry(scope, name, self.policy.fleet, {})
        none = Term(scope, name, period, unit, None)
        return next((one for one in found if (one.period, one.unit) == (period, unit)), none)

    def _entry(
        self, scope: Scope, name: str, limits: Limits | None, floors: Mapping[int, Decimal]
    ) -> Iterable[Term]:
        enforcement: Enforcement = limits.enforcement if limits else "hard"
        amounts = {(one.period, one.unit): one.amount for one in limits.each()} if limits else {}
        chosen: dict[tuple[Period, Unit], int | None] = {**amounts}
        for one in self.set_by_people.values():
            if (one.scope, one.name) == (scope, name):
                chosen[one.period, one.unit] = one.amount
        for (period, unit), amount in chosen.items():
            kept = _floors(amount, floors)
            yield Term(scope, name, period, unit, amount, enforcement, kept)


def laid_over(configured: BudgetPolicy, entries: Mapping[str, Limits]) -> BudgetPolicy:
    """Return `configured` with `entries` in place of those of their agents."""
    own = {agent: limits for agent, limits in entries.items() if agent != DEFAULT}
    return replace(
        configured,
        default=entries.get(DEFAULT, configured.default),
        agents={**configured.agents, **own},
    )


def _amended(policy: BudgetPolicy, one: LimitSet) -> BudgetPolicy:
    if one.scope == "agent":
        limits = _with(policy.limits_of(one.name), one)
        return replace(policy, agents={**policy.agents, one.name: limits})
    if one.scope == "group":
        group = policy.groups.get(one.name, Group())
        group = replace(group, limits=_with(group.limits, one))
        return replace(policy, groups={**policy.groups, one.name: group})
    return replace(policy, fleet=_with(policy.fleet, one))


def _with(limits: Limits | None, one: LimitSet) -> Limits:
    word = {"hour": "hourly", "day": "daily", "month": "monthly"}[one.period]
    changed: dict[str, Any] = {f"{word}_token_limit": one.amount}
    if one.unit == "usd":
        changed = {f"{word}_limit_usd": None if one.amount is None else usd(one.amount)}
    return replace(limits or Limits(priority=_LOWEST), **changed)


def _floors(amount: int | None, shares: Mapping[int, Decimal]) -> Shares:
    if amount is None:
        return NOTHING
    one, two, three, four = (int(amount * shares.get(place, Decimal(0))) for place in PRIORITIES)
    return one, two, three, four
