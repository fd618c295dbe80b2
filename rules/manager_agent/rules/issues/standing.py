"""Where an issue stands at a moment: its trend, how much it matters, and why."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.money import NANO_PER_USD
from manager_agent.rules.issues.issue import HOUR_US, Issue
from manager_agent.rules.issues.kinds import ABOUT

PriorityOf = Callable[[str], int]
"""The priority of an agent: 1 critical, 2 high, 3 medium, 4 low."""

_DAY = 24
_GROWN = 20
_MANY = 100
_NORMAL = 3


@dataclass(frozen=True, slots=True)
class Trend:
    """Errors in the last 24 hours, and in the 24 before; `cost`: nano-USD in the last 24.

    `word`: `new` where the issue is younger than a day, else `rising`, `falling`, `steady`.
    """

    last_day: int
    day_before: int
    cost: int
    word: str


@dataclass(frozen=True, slots=True)
class Priority:
    """How much an issue matters, 1 critical to 4 low, and why."""

    level: int
    why: tuple[str, ...]


def priorities(policy: BudgetPolicy) -> PriorityOf:
    """Return the agents' priorities as they are configured; 3 of agents without an entry."""

    def priority(agent: str) -> int:
        limits = policy.limits_of(agent)
        return _NORMAL if limits is None else limits.priority

    return priority


def trend_of(issue: Issue, now_us: int) -> Trend:
    """Return how the issue went on in the last two days."""
    hour = now_us // HOUR_US
    last = sum(n for at, n in issue.sum.hours.items() if hour - _DAY < at <= hour)
    before = sum(n for at, n in issue.sum.hours.items() if hour - 2 * _DAY < at <= hour - _DAY)
    cost = sum(n for at, n in issue.sum.hourly_cost.items() if hour - _DAY < at <= hour)
    if now_us - issue.sum.first_us < _DAY * HOUR_US:
        return Trend(last, before, cost, "new")
    if last > 2 * before and last - before >= 10:
        return Trend(last, before, cost, "rising")
    falling = before > 2 * last and before - last >= 10
    return Trend(last, before, cost, "falling" if falling else "steady")


def priority_of(issue: Issue, now_us: int, priority: PriorityOf) -> Priority:
    """Return how much an issue matters: by its agents, its dollars, its growth and its kind."""
    trend = trend_of(issue, now_us)
    best = min(map(priority, issue.sum.agents), default=_NORMAL)
    points, why = _NORMAL - best, [f"an agent of priority {best}"] if best != _NORMAL else []
    for gained, reason in _gains(issue, trend):
        points, why = points + gained, [*why, reason]
    return Priority(max(1, min(4, _NORMAL - points)), tuple(why))


def _gains(issue: Issue, trend: Trend) -> Iterable[tuple[int, str]]:
    if trend.cost >= 10 * NANO_PER_USD:
        yield 2, "$10 or more burnt in a day"
    elif trend.cost >= NANO_PER_USD:
        yield 1, "$1 or more burnt in a day"
    if trend.word == "rising" and trend.last_day >= _GROWN:
        yield 1, "rising"
    if trend.last_day >= _MANY:
        yield 1, f"{_MANY} errors or more in a day"
    if issue.kind in ("auth", "quota", "model_not_found"):
        yield 1, "does not pass by itself"
    elif ABOUT[issue.kind].transient and trend.last_day < _GROWN:
        yield -1, "often passes by itself"
