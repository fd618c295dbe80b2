"""What hard limits would have refused of calls that went out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from manager_agent.contract.budget import BudgetPolicy, Limit, Limits
from manager_agent.contract.window import Period, Window, window


@dataclass(frozen=True, slots=True)
class Blocked:
    """What would have been refused of one agent's calls: how many, at what cost (nano-USD).

    `limits`: names of the limits that refused, as `agent writer day usd`, with how many each.
    """

    agent: str | None
    calls: int
    cost: int
    limits: Mapping[str, int]


def blocked(calls: pl.DataFrame, policy: BudgetPolicy, since: datetime) -> list[Blocked]:
    """Return whom hard limits of `policy` would have refused what, by agent.

    `calls`: `ts`, `agent`, `cost` (nano-USD), `tokens` of every call, in order of `ts`, from the
    start of the windows of `since` on; those before `since` count, and none of them is refused. A
    later one is refused where what was let through before it in the window and itself are more
    than the limit; it then spends nothing. Calls of unknown cost count nothing in USD: what
    `budgets.unpriced` would do to them is not judged.
    """
    found: dict[str | None, Blocked] = {}
    desk = _Desk(policy)
    for ts, agent, cost, tokens in calls.select("ts", "agent", "cost", "tokens").iter_rows():
        refused = desk.decide(ts, agent, cost or 0, tokens or 0, may_refuse=ts >= since)
        if refused is None:
            continue
        known = found.get(agent, Blocked(agent, 0, 0, {}))
        limits = {**known.limits, refused: known.limits.get(refused, 0) + 1}
        found[agent] = Blocked(agent, known.calls + 1, known.cost + (cost or 0), limits)
    return [found[agent] for agent in sorted(found, key=str)]


@dataclass(slots=True)
class _Account:
    name: str
    limit: Limit
    spent: int = 0
    window: Window | None = None


class _Desk:
    """Accounts of hard limits; one call after another, in order of time."""

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._of: dict[str, list[_Account]] = {}
        self._fleet = list(_accounts("fleet", policy.fleet))
        self._groups = {
            name: list(_accounts(f"group {name}", group.limits))
            for name, group in policy.groups.items()
        }
        self._windows: dict[Period, Window] = {}

    def decide(
        self, ts: datetime, agent: str | None, cost: int, tokens: int, *, may_refuse: bool
    ) -> str | None:
        """Let a call through and count it, or return the name of the limit that refuses it."""
        accounts = self._accounts_of(agent or "")
        for account in accounts:
            found = self._window(account.limit.period, ts)
            if account.window is not found:
                account.window, account.spent = found, 0
            amount = cost if account.limit.unit == "usd" else tokens
            if may_refuse and amount and account.spent + amount > account.limit.amount:
                return account.name
        for account in accounts:
            account.spent += cost if account.limit.unit == "usd" else tokens
        return None

    def _accounts_of(self, agent: str) -> list[_Account]:
        if agent not in self._of:
            mine = list(_accounts(f"agent {agent}", self._policy.limits_of(agent)))
            for name, group in self._policy.groups.items():
                if agent in group.agents:
                    mine += self._groups[name]
            self._of[agent] = mine + self._fleet
        return self._of[agent]

    def _window(self, period: Period, ts: datetime) -> Window:
        known = self._windows.get(period)
        if known is None or not known.start <= ts < known.end:
            known = self._windows[period] = window(period, ts, self._policy.zone)
        return known


def _accounts(name: str, limits: Limits | None) -> Iterator[_Account]:
    if limits is not None and limits.enforcement == "hard":
        for limit in limits.each():
            yield _Account(f"{name} {limit.period} {limit.unit}", limit)
