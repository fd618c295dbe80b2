"""What holds of spikes whatever an agent spends: told of its history and its last two hours."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from manager_agent.analytics.baseline import baselines
from manager_agent.analytics.frames import HOURS
from manager_agent.rules.catalog.cost_spike import CostSpike
from manager_agent.rules.testing import NOW, frames

PRESENT = NOW.replace(minute=0)
FACTORS = (1.2, 2.5, 3.5, 6.0, 30.0)
WEEKS = (3.2, 0.8, 0.25)
Cost = Callable[[datetime], float]


def office(ts: datetime) -> float:
    noise = 1 + 0.3 * (Random(f"{ts.day} {ts.hour}").random() - 0.5)
    return noise * (40 if ts.weekday() < 5 and 8 <= ts.hour < 18 else 15)


def rows(agent: str, cost: Cost, times: list[datetime], share: float = 1) -> list[dict[str, Any]]:
    return [
        {
            "ts": ts,
            "agent": agent,
            "provider": "p",
            "model": "m",
            "calls": 1,
            "cost": round(cost(ts) * share * 10**9),
        }
        for ts in times
    ]


def told(
    weeks: float, factor: float, cost: Cost = office, others: tuple[str, ...] = (), later: int = 0
) -> list[tuple[str | None, int, str]]:
    """Return who is told of, at which level: agents whose last hour is `factor` times normal.

    `later`: weeks by which all of it is moved, the moment of the look too.
    """
    moved = timedelta(weeks=later)
    back = [PRESENT - timedelta(hours=n) for n in range(1, int(weeks * 168) + 1)]
    steps = [NOW - timedelta(minutes=n) for n in range(0, 60, 5)]
    history, minutes = rows("a1", cost, back), rows("a1", cost, steps, factor / 12)
    for other in others:
        history += rows(other, lambda ts: 3 * cost(ts), back)
        minutes += rows(other, lambda ts: 3 * cost(ts), steps, 1 / 12)
    for row in (*history, *minutes):
        row["ts"] += moved
    now = NOW + moved
    normal = baselines(pl.DataFrame(history, schema=HOURS), now, ZoneInfo("UTC"))
    world = frames(minutes=minutes, baselines=normal.to_dicts())
    return [(one.agent, one.level, one.severity) for one in CostSpike().find(world, now)]


@pytest.mark.parametrize("weeks", WEEKS)
def test_a_larger_spike_is_never_less_alerted(weeks: float) -> None:
    levels = [max((level for _, level, _ in told(weeks, each)), default=-1) for each in FACTORS]

    assert levels == sorted(levels)
    assert levels[0] == -1
    assert levels[-1] >= 3


@pytest.mark.parametrize("factor", [1.8, 3.5])
@pytest.mark.parametrize("weeks", WEEKS)
def test_what_is_told_depends_on_nothing_else(weeks: float, factor: float) -> None:
    mine = told(weeks, factor)

    assert told(weeks, factor, lambda ts: 50 * office(ts)) == mine, "fifty times as much money"
    assert told(weeks, factor, later=1) == mine, "a week later"
    assert told(weeks, factor, others=("a0", "b1")) == mine, "other agents"


def test_a_step_that_stays_is_normal_within_hours_unless_it_is_large() -> None:
    def stepped(times: float) -> list[tuple[str | None, int, str]]:
        since = PRESENT - timedelta(hours=7)
        return told(3.2, times, lambda ts: office(ts) * (times if since <= ts < PRESENT else 1))

    assert not stepped(2.1)
    assert stepped(3.5)


def test_jobs_at_odd_hours_are_no_news_by_the_fourth_time() -> None:
    def with_jobs(count: int) -> list[tuple[str | None, int, str]]:
        runs = [PRESENT - timedelta(hours=50 * n + 9) for n in range(1, count + 1)]
        return told(3.2, 6.0, lambda ts: 400 if ts in runs else office(ts))

    assert with_jobs(2)
    assert not with_jobs(3)
