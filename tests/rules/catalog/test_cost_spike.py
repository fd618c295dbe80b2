"""The default detector of spikes: frames of one agent; the clock stands at half past two."""

from collections.abc import Sequence
from datetime import timedelta
from math import log1p
from typing import Any

import pytest

from manager_agent.rules.catalog.cost_spike import CostSpike
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, budget, frames

HOUR = NOW.replace(minute=0)
DOLLAR = 10**9
Rows = list[dict[str, Any]]


def normal(usd: float, **given: object) -> Rows:
    """Return baselines of the present hour and the one before."""
    row = {
        "agent": "a1",
        "expected": round(usd * DOLLAR),
        "centre": log1p(usd / 0.05),
        "scale": 0.15,
        "precedent": 0,
        "basis": "week",
        "samples": 4,
        **given,
    }
    return [{"ts": HOUR - timedelta(hours=back), **row} for back in (0, 1)]


def spent(usd_by_minutes_ago: dict[int, float], **given: object) -> Rows:
    return [
        {
            "ts": NOW - timedelta(minutes=ago),
            "agent": "a1",
            "provider": "openai",
            "model": "gpt-4o",
            "calls": 1,
            "cost": round(usd * DOLLAR),
            **given,
        }
        for ago, usd in usd_by_minutes_ago.items()
    ]


def every_five(usd: float, minutes: Sequence[int] = range(0, 60, 5)) -> dict[int, float]:
    return {ago: usd / 12 for ago in minutes}


def found(baselines: Rows, minutes: Rows) -> list[Finding]:
    return list(CostSpike().find(frames(baselines=baselines, minutes=minutes), NOW))


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        pytest.param(2.0, False, id="twice normal is growth"),
        pytest.param(3.0, True, id="three times normal is a spike"),
    ],
)
def test_a_steady_hour_is_compared_with_its_band(usd: float, told: bool) -> None:
    assert bool(found(normal(1), spent(every_five(usd)))) == told


@pytest.mark.parametrize(
    ("before", "told"),
    [
        pytest.param(2.3, True, id="the hour before was dear, too"),
        pytest.param(2.0, False, id="it was not"),
    ],
)
def test_two_hours_in_a_row_need_not_stray_as_far(before: float, told: bool) -> None:
    """3.5 deviations are 2.9 times normal, 2.5 are 2.2 times."""
    mine = normal(1, scale=0.3)
    base = [*mine, dict(mine[1], ts=HOUR - timedelta(hours=2))]
    minutes = spent(every_five(2.7)) + spent(every_five(before, range(60, 120, 5)))

    assert bool(found(base, minutes)) == told


def test_a_burst_of_minutes_must_be_extreme() -> None:
    assert not found(normal(1), spent({0: 9.0}))
    assert found(normal(1), spent({0: 10.0}))


def test_an_agent_without_a_rhythm_is_made_of_bursts_so_one_may_be_told() -> None:
    """Its scale is that of hours made of bursts; two such in a row prove no more than one."""
    bursts = normal(1, basis="idle", scale=0.5)
    base = [*bursts, dict(bursts[1], ts=HOUR - timedelta(hours=2))]

    assert found(base, spent({0: 7.0}))
    assert not found(normal(1, scale=0.5), spent({0: 7.0}))
    assert not found(base, spent(every_five(5.0, range(0, 120, 5))))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"precedent": 0}, True, id="never seen"),
        pytest.param({"precedent": 3.8 * DOLLAR}, True, id="a quarter more than ever at this time"),
        pytest.param({"precedent": 4.0 * DOLLAR}, False, id="a job that recurs"),
        pytest.param({"scale": 0.5}, False, id="an agent that strays"),
        pytest.param({"basis": "low", "scale": None}, False, id="short history: five times"),
    ],
)
def test_what_is_normal(given: dict[str, object], told: bool) -> None:
    given = {**given, "precedent": int(given.get("precedent", 0))}  # type: ignore[call-overload]

    assert bool(found(normal(1, **given), spent(every_five(4.9)))) == told


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        pytest.param(2.4, True, id="more than twice what it did on two days"),
        pytest.param(2.5, False, id="a batch like those of two days"),
    ],
)
def test_an_agent_without_a_rhythm_is_held_against_what_it_did_at_any_hour(
    seen: float, told: bool
) -> None:
    base = normal(1, basis="idle", scale=0.3, precedent=round(seen * DOLLAR))

    assert bool(found(base, spent(every_five(4.9)))) == told


def test_short_histories_have_a_ratio_and_the_growth_of_their_highest_hour() -> None:
    low = normal(1, basis="low", scale=None, precedent=3 * DOLLAR)

    assert not found(low, spent(every_five(6)))
    (one,) = found(low, spent(every_five(6.1)))
    assert "low history" in one.headline


def test_cents_are_not_worth_telling_nor_small_shares_of_a_budget() -> None:
    assert not found(normal(0.05), spent(every_five(0.5)))
    minutes = spent(every_five(5))
    for limit, told in ((190, True), (210, False)):
        rows = [budget("a1", "day", spent=0, limit=limit)]
        seen = frames(baselines=normal(1), minutes=minutes, budgets=rows)
        assert bool(list(CostSpike().find(seen, NOW))) == told


def test_a_spike_is_over_an_hour_after_its_last_minute() -> None:
    """Its hour passes in half an hour, and so long it is remembered: it does not come and go."""
    minutes = spent(every_five(9, range(60, 115, 5)))
    base = normal(1) + [
        dict(row, ts=HOUR + timedelta(hours=n)) for n in (-2, 1) for row in normal(1)[:1]
    ]
    told = []
    for later in range(0, 80, 5):
        now = NOW - timedelta(minutes=60 - later)
        rows = [row for row in minutes if row["ts"] <= now]
        told.append(bool(list(CostSpike().find(frames(baselines=base, minutes=rows), now))))

    assert told == [True] * told.count(True) + [False] * told.count(False)
    assert 10 <= told.count(True) <= 12


def test_traffic_that_changes_its_model_is_no_spike() -> None:
    one = {"provider": "openai", "model": "new"}
    base = normal(4) + normal(0.3, **one)
    minutes = spent(every_five(3), model="new") + spent(every_five(1), model="old")

    assert not found(base, minutes)

    more = spent(every_five(5), model="new") + spent(every_five(3.0), model="old")
    (found_one,) = found(base, more)
    assert found_one.evidence["model"] == "new"


def test_the_causes_add_up_and_the_contributors_are_named() -> None:
    usual = {
        "agent": "a1",
        "provider": "openai",
        "model": "gpt-4o",
        "hours": 4,
        "calls": 40,
        "input_tokens": 40_000,
        "output_tokens": 4_000,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "cost": 4 * DOLLAR,
        "weight_input": 1.0,
        "weight_output": 4.0,
        "weight_cache_read": 0.5,
        "weight_cache_write": 1.0,
    }
    tokens = {"input_tokens": 2_000, "output_tokens": 100}
    calls = [
        {
            "ts": NOW,
            "agent": "a1",
            "model": "gpt-4o",
            "cost": DOLLAR * n,
            "conversation_id": f"c{n}",
        }
        for n in (1, 2, 3, 4)
    ]
    hours = [
        {
            "ts": HOUR - timedelta(hours=back),
            "agent": "a1",
            "model": "gpt-4o",
            "cost": cost * DOLLAR,
        }
        for back, cost in enumerate((3, 8, 9, 1))
    ]
    world = frames(
        baselines=normal(1),
        minutes=spent(every_five(10.2), **tokens),
        references=[usual],
        calls=calls,
        hours=hours,
    )

    (one,) = CostSpike().find(world, NOW)

    facts = one.evidence
    parts = {name: float(str(facts[f"from_{name}_usd"])) for name in ("volume", "input", "price")}
    assert facts["change_usd"] == "9.20"
    assert sum(parts.values()) == pytest.approx(9.2)
    assert parts["volume"] == pytest.approx(0.2)
    assert parts["input"] == pytest.approx(1.2 * 1000 / 1400)
    assert facts["top_conversations"] == "c4 $4.00, c3 $3.00, c2 $2.00"
    assert facts["first_bad_hour"] == "2026-11-23T12:00+00:00"
    assert (one.severity, one.level) == ("critical", 3)
    assert one.headline.startswith("a1 spent $10.20 in the last hour, 10.2 times the normal $1.00")


def test_it_explains_the_budget_warnings_of_its_agent_and_nobody_elses() -> None:
    (spike,) = found(normal(1.0), spent(every_five(20.0)))

    assert {(one.rule, one.agents, one.upto) for one in spike.mutes} == {
        ("budget", ("a1",), "warning"),
        ("burn_rate", ("a1",), "warning"),
    }
