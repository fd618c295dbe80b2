"""Limits as configured."""

from decimal import Decimal

import pytest

from manager_agent.contract.budget import BudgetPolicy, Limit, Limits

OWN = Limits(hourly_limit_usd=Decimal("2.0"))
DEFAULT = Limits(daily_token_limit=1000)


def test_only_limits_that_are_set_are_named_in_integers() -> None:
    limits = Limits(
        hourly_limit_usd=Decimal("0.1"), monthly_limit_usd=Decimal(100), hourly_token_limit=0
    )

    assert list(limits.each()) == [
        Limit("hour", "usd", 100_000_000),
        Limit("hour", "tokens", 0),
        Limit("month", "usd", 100_000_000_000),
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(BudgetPolicy(), None, id="nothing configured"),
        pytest.param(BudgetPolicy(default=DEFAULT), DEFAULT, id="no entry: the default"),
        pytest.param(
            BudgetPolicy(default=DEFAULT, agents={"a": OWN}),
            OWN,
            id="an own entry replaces the default entirely",
        ),
        pytest.param(BudgetPolicy(agents={"b": OWN}), None, id="another agent's entry"),
    ],
)
def test_whose_limits_hold(policy: BudgetPolicy, expected: Limits | None) -> None:
    assert policy.limits_of("a") == expected


def test_periods_are_those_some_limit_is_set_for() -> None:
    assert BudgetPolicy(default=DEFAULT, agents={"a": OWN}).periods() == {"hour", "day"}
