"""Burn rate: two windows must agree. The clock stands at half past two."""

from datetime import timedelta
from math import log1p
from typing import Any

import pytest

from manager_agent.contract.budget import Unit
from manager_agent.rules.catalog.burn_rate import BurnRate
from manager_agent.rules.testing import NOW, budget, frames

DOLLAR = 10**9
Rows = list[dict[str, Any]]


def minutes(amounts: dict[int, float], calls: int = 5, **given: object) -> Rows:
    """Return usage by minutes ago: USD, and as many thousands of tokens."""
    return [
        {
            "ts": NOW - timedelta(minutes=ago),
            "agent": "a1",
            "calls": calls,
            "cost": round(usd * DOLLAR),
            "input_tokens": round(usd * 1000),
            **given,
        }
        for ago, usd in amounts.items()
    ]


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        pytest.param({55: 2.0, 2: 4.1}, True, id="a quarter in an hour, and still"),
        pytest.param({55: 1.9, 2: 4.0}, False, id="a little less"),
        pytest.param({55: 9.0, 20: 4.0, 6: 0.3}, False, id="the last minutes are quiet"),
        pytest.param({110: 2.0, 80: 2.0, 55: 2.0, 12: 2.1}, True, id="a third in two hours"),
    ],
)
@pytest.mark.parametrize("unit", ["usd", "tokens"])
def test_both_windows_must_agree(amounts: dict[int, float], told: bool, unit: Unit) -> None:
    limit = 24 if unit == "usd" else 24_000
    row = budget("a1", "day", spent=limit // 2, limit=limit, unit=unit)

    found = BurnRate().find(frames(budgets=[row], minutes=minutes(amounts)), NOW)

    assert bool(list(found)) == told


def test_it_says_when_the_budget_is_gone() -> None:
    row = budget("a1", "day", spent=16, limit=24)

    (one,) = BurnRate().find(frames(budgets=[row], minutes=minutes({50: 4, 2: 4})), NOW)

    assert one.headline == (
        "at this pace the daily budget of a1 is gone at 15:30 UTC: $8.00 in 60 minutes, $16.00 of "
        "its $24.00 so far"
    )
    assert (one.until, one.tell_resolved) == (
        NOW.replace(hour=0, minute=0) + timedelta(days=1),
        True,
    )


@pytest.mark.parametrize(
    ("spent", "limit", "calls"),
    [
        pytest.param(24, 24, 5, id="reached: told by the budget itself"),
        pytest.param(1, 100, 5, id="what is left lasts to the end of the day"),
        pytest.param(16, 24, 1, id="two calls are no pace"),
    ],
)
def test_what_is_not_told(spent: int, limit: int, calls: int) -> None:
    row = budget("a1", "day", spent=spent, limit=limit)

    world = frames(budgets=[row], minutes=minutes({50: 4, 2: 4}, calls))

    assert not list(BurnRate().find(world, NOW))


def test_months_look_at_six_hours_too() -> None:
    hours = [
        {"ts": NOW - timedelta(hours=back, minutes=30), "agent": "a1", "calls": 9, "cost": DOLLAR}
        for back in range(6)
    ]
    row = budget("a1", "month", spent=90, limit=100)
    world = frames(budgets=[row], hours=hours, minutes=minutes({40: 0.5, 20: 0.5}))

    (one,) = BurnRate().find(world, NOW)

    assert "gone at 2026-11-24 0" in one.headline
    assert one.evidence["used_usd"] == "6.00"


def rhythm(usd: float, hours: int = 12) -> Rows:
    start = NOW.replace(minute=0)
    return [
        {
            "ts": start + timedelta(hours=n),
            "agent": "a1",
            "centre": log1p(usd / 0.05),
            "scale": 0.15,
            "basis": "week",
        }
        for n in range(hours)
    ]


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        pytest.param(7, False, id="a job of the day that leaves enough"),
        pytest.param(16, True, id="an hour more of it is too much"),
    ],
)
def test_a_usual_rhythm_that_leaves_enough_is_no_trouble(spent: int, told: bool) -> None:
    row = budget("a1", "day", spent=spent, limit=24)
    world = frames(budgets=[row], minutes=minutes({50: 4, 2: 4}), baselines=rhythm(0.3))

    assert bool(list(BurnRate().find(world, NOW))) == told


def test_groups_and_the_fleet_burn_too() -> None:
    start = NOW.replace(hour=0, minute=0)
    shared: dict[str, Any] = {
        "period": "day",
        "unit": "usd",
        "limit": 24 * DOLLAR,
        "spent": 16 * DOLLAR,
        "window_start": start,
        "resets_at": start + timedelta(days=1),
        "unpriced_calls": 0,
        "priority": 3,
        "enforcement": "hard",
    }
    pools = [
        {
            "scope": "group",
            "name": "research",
            "agents": ["a1", "a2"],
            "spenders": ["a2"],
            **shared,
        },
        {"scope": "group", "name": "other", "agents": ["a3"], "spenders": [], **shared},
        {"scope": "fleet", "name": "", "agents": None, "spenders": ["a2", "a1"], **shared},
    ]
    each = minutes({50: 2, 2: 2}) + minutes({50: 2, 2: 2}, agent="a2")

    found = list(BurnRate().find(frames(pools=pools, minutes=each), NOW))

    assert [one.evidence["who"] for one in found] == ["group research", "the fleet"]
    assert found[0].headline.endswith("; most by a2")
