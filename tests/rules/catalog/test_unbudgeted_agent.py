"""Agents that nothing bounds are named once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from manager_agent.contract.budget import BudgetPolicy, Group, Limits
from manager_agent.rules.catalog.unbudgeted_agent import UnbudgetedAgent
from manager_agent.rules.testing import NOW, frames

LIMIT = Limits(daily_limit_usd=Decimal(5))
HOURS = [
    {"ts": NOW - timedelta(hours=back), "agent": agent, "cost": cost}
    for agent, back, cost in (("a1", 1, 6 * 10**8), ("a1", 3, 4 * 10**8), ("a2", 30, 10**10))
]
OTHERS = {"b": LIMIT}


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        pytest.param(BudgetPolicy(agents=OTHERS), ["a1"], id="others have limits"),
        pytest.param(BudgetPolicy(agents={"a1": LIMIT}), [], id="it has one"),
        pytest.param(BudgetPolicy(default=LIMIT), [], id="there is a default"),
        pytest.param(BudgetPolicy(fleet=LIMIT), [], id="the fleet's"),
        pytest.param(
            BudgetPolicy(groups={"g": Group(frozenset(["a1"]), LIMIT)}), [], id="a group's"
        ),
        pytest.param(
            BudgetPolicy(default=LIMIT, agents={"a1": Limits()}), ["a1"], id="its own: none"
        ),
        pytest.param(BudgetPolicy(), [None], id="nothing is limited: all of them at once"),
    ],
)
def test_what_bounds_an_agent(policy: BudgetPolicy, named: list[str | None]) -> None:
    found = UnbudgetedAgent().find(frames(hours=HOURS, policy=policy), NOW)

    assert [one.agent for one in found] == named


def test_little_spend_is_not_worth_telling() -> None:
    policy = BudgetPolicy(agents=OTHERS)

    assert not list(
        UnbudgetedAgent(min_usd_per_day=1.01).find(frames(hours=HOURS, policy=policy), NOW)
    )


def test_it_is_remembered_for_a_month() -> None:
    (one,) = UnbudgetedAgent().find(frames(hours=HOURS, policy=BudgetPolicy(agents=OTHERS)), NOW)

    assert one.until == NOW + timedelta(days=30)
    assert "a1 spent $1.00 in the last 24 h and no limit bounds it" in one.headline
