"""Limits of days and months as they stood when a period ended, and where months are going."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

import polars as pl

from manager_agent.analytics.budgets_frame import limits_spent
from manager_agent.analytics.frames import BUDGETS, UNPRICED, Frames
from manager_agent.analytics.pools_frame import pools_spent
from manager_agent.analytics.report_used import Used, by_agent
from manager_agent.analytics.spend import Spend
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.money import usd
from manager_agent.contract.window import PERIODS, Period, window
from manager_agent.rules.limits import Line, lines

_MOMENT, _DAY = timedelta(microseconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One limit. `expected`: what will be spent of it when its month ends, if it goes on like the
    last days; nano-USD or tokens, by the limit's unit. None for limits of days."""

    line: Line
    expected: int | None

    @property
    def percent(self) -> int:
        """How much of it is spent; 100 of a limit of nothing that something was spent of."""
        return self.line.spent * 100 // self.line.limit if self.line.limit else 100


def limit_lines(
    policy: BudgetPolicy,
    so_far: Mapping[Period, Sequence[Used]],
    recent: Sequence[Used],
    end: datetime,
    days: int,
) -> list[LimitLine]:
    """Return each limit that something was spent of, the fullest first.

    `so_far`: what was used in the windows that hold the last moment before `end`; limits of other
    periods are left out. `recent`: what was used in the last `days` days.
    """
    windows = {period: window(period, end - _MOMENT, policy.zone) for period in PERIODS}
    spends = {period: _spends(so_far.get(period, ())) for period in PERIODS}
    rows = [astuple(row) for row in limits_spent(policy, windows, spends)]
    frames = Frames(
        budgets=pl.DataFrame(rows, schema=BUDGETS, orient="row"),
        unpriced=pl.DataFrame(schema=UNPRICED),
        policy=policy,
        pools=pools_spent(policy, windows, spends),
    )
    lately = _spends(recent)
    found = [
        LimitLine(line, _expected(line, lately, end, days))
        for line in lines(frames)
        if line.spent and line.period in so_far
    ]
    return sorted(found, key=lambda one: (-one.percent, one.line.who, one.line.name))


def _spends(used: Sequence[Used]) -> dict[str, Spend]:
    """Return what agents spent; calls that name none count for no limit."""
    return {
        agent: Spend(usd(of.cost), of.tokens, of.unpriced)
        for agent, of in by_agent(used).items()
        if agent is not None
    }


def _expected(line: Line, lately: Mapping[str, Spend], end: datetime, days: int) -> int | None:
    if line.period != "month":
        return None
    mine = lately.keys() if line.agents is None else lately.keys() & line.agents
    unit = "cost_usd" if line.unit == "usd" else "tokens"
    spent = sum(_amount(lately[agent], unit) for agent in mine)
    return line.spent + round(spent * ((line.resets_at - end) / (days * _DAY)))


def _amount(spend: Spend, unit: str) -> int:
    return spend.tokens if unit == "tokens" else int(spend.cost_usd * 10**9)
