"""The forecast of a window's end: from usual hours for a day, from its own days for a month."""

from datetime import timedelta
from math import log1p
from typing import Any

import pytest

from manager_agent.rules.catalog.budget_forecast import BudgetForecast
from manager_agent.rules.testing import NOW, budget, frames

Rows = list[dict[str, Any]]


def rhythm(usd: float, **given: object) -> Rows:
    """Return the ten hours that are left of the day, the present one half over."""
    start = NOW.replace(minute=0)
    row = {"agent": "a1", "centre": log1p(usd / 0.05), "scale": 0.1, "basis": "week", **given}
    return [{"ts": start + timedelta(hours=n), **row} for n in range(24)]


@pytest.mark.parametrize(
    ("spent", "limit", "told"),
    [
        pytest.param("5.00", 10, True, id="5 and 9.5 to come are surely above 10"),
        pytest.param("5.00", 14, False, id="above 14 perhaps"),
        pytest.param("5.00", 20, False, id="20 will do"),
        pytest.param("10.00", 10, False, id="reached: the budget's to tell"),
        pytest.param("0.00", 1, False, id="a window in which nothing was spent"),
    ],
)
def test_the_rest_of_a_day(spent: str, limit: int, told: bool) -> None:
    row = budget("a1", "day", spent=spent, limit=limit)

    assert (
        bool(list(BudgetForecast().find(frames(budgets=[row], baselines=rhythm(1)), NOW))) == told
    )


def test_it_says_what_is_to_be_expected_and_how_sure_that_is() -> None:
    row = budget("a1", "day", spent=5, limit=10)

    (one,) = BudgetForecast().find(frames(budgets=[row], baselines=rhythm(1)), NOW)

    low, high = float(str(one.evidence["low_usd"])), float(str(one.evidence["high_usd"]))
    assert 11.5 < low < 14.5 < high < 17.5
    assert one.headline.startswith("a1 will have spent $14.55 (")
    assert (
        "of its $10.00 daily limit when it resets 2026-11-24 00:00 UTC; $5.00 so far"
        in one.headline
    )


@pytest.mark.parametrize(
    "baselines",
    [
        pytest.param(rhythm(1, basis="low", scale=None), id="low history"),
        pytest.param([], id="no history"),
        pytest.param(rhythm(1, basis="idle"), id="hours that usually see no calls"),
    ],
)
def test_without_a_rhythm_nothing_is_foretold(baselines: Rows) -> None:
    row = budget("a1", "day", spent=5, limit=10)

    assert not list(BudgetForecast().find(frames(budgets=[row], baselines=baselines), NOW))


def test_a_month_goes_on_as_its_days_so_far() -> None:
    """Of November 22.6 of 30 days are over."""
    for spent, told in ((70, False), (90, True)):
        row = budget("a1", "month", spent=spent, limit=100)
        assert bool(list(BudgetForecast().find(frames(budgets=[row]), NOW))) == told


def test_what_burns_now_is_told_by_the_burn_rate() -> None:
    row = budget("a1", "day", spent=5, limit=10)
    now = [{"ts": NOW, "agent": "a1", "calls": 20, "cost": 4 * 10**9}]
    world = frames(budgets=[row], baselines=rhythm(1), minutes=now)

    assert not list(BudgetForecast().find(world, NOW))


def test_a_group_is_known_if_all_its_agents_are() -> None:
    start = NOW.replace(hour=0, minute=0)
    pool: dict[str, Any] = {
        "scope": "group",
        "name": "research",
        "period": "day",
        "unit": "usd",
        "limit": 20 * 10**9,
        "spent": 5 * 10**9,
        "window_start": start,
        "resets_at": start + timedelta(days=1),
        "unpriced_calls": 0,
        "priority": 3,
        "enforcement": "hard",
        "agents": ["a1", "a2"],
        "spenders": [],
    }
    known = rhythm(1) + rhythm(1, agent="a2")

    assert list(BudgetForecast().find(frames(pools=[pool], baselines=known), NOW))
    assert not list(BudgetForecast().find(frames(pools=[pool], baselines=rhythm(2)), NOW))
