"""Creep: weeks of hours in, what became dearer out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from manager_agent.analytics.creep import creep
from manager_agent.analytics.frames import HOURS
from manager_agent.rules.catalog.creep import Creep
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

TODAY = NOW.replace(hour=0, minute=0)
Shape = Callable[[int], dict[str, int]]


def history(shape: Shape, days: int = 40) -> pl.DataFrame:
    """Return 50 calls at noon of each day; `shape` gives sums by days ago."""
    rows: list[dict[str, Any]] = [
        {
            "ts": TODAY - timedelta(days=ago, hours=-12),
            "agent": "a1",
            "provider": "openai",
            "model": "m",
            "calls": 50,
            "input_tokens": 50_000,
            "output_tokens": 5_000,
            "cache_read_tokens": 30_000,
            "cost": 5 * 10**9,
            **shape(ago),
        }
        for ago in range(1, days)
    ]
    return pl.DataFrame(rows, schema=HOURS)


def found(shape: Shape, days: int = 40) -> list[Finding]:
    rows = creep(history(shape, days), NOW).to_dicts()
    return list(Creep().find(frames(creep=rows), NOW))


def grown(ago: int, percent_a_week: float) -> float:
    return float((1 + percent_a_week / 100) ** ((40 - ago) / 7))


@pytest.mark.parametrize(
    ("shape", "causes"),
    [
        pytest.param(lambda ago: {}, None, id="nothing changes"),
        pytest.param(
            lambda ago: {"cost": round(5e9 * grown(ago, 8))}, None, id="8 percent a week is little"
        ),
        pytest.param(
            lambda ago: {
                "cost": round(5e9 * grown(ago, 20)),
                "input_tokens": round(5e4 * grown(ago, 20)),
                "cache_read_tokens": round(3e4 * grown(ago, 20)),
            },
            "input_tokens, cost",
            id="prompts grow by a fifth a week",
        ),
        pytest.param(
            lambda ago: {"cache_read_tokens": 0, "cost": 8 * 10**9} if ago < 8 else {},
            "cost, cached_share",
            id="the cache is lost",
        ),
        pytest.param(
            lambda ago: (
                {"calls": 500, "input_tokens": 500_000, "cost": 50 * 10**9} if ago < 9 else {}
            ),
            None,
            id="more calls are no creep",
        ),
        pytest.param(
            lambda ago: {"cost": round(1e8 * grown(ago, 20))}, None, id="cents are not worth it"
        ),
        pytest.param(
            lambda ago: {"cost": 50 * 10**9, "calls": 50} if ago == 20 else {},
            None,
            id="one dear day",
        ),
    ],
)
def test_what_creeps(shape: Shape, causes: str | None) -> None:
    assert [one.evidence["causes"] for one in found(shape)] == ([causes] if causes else [])


def test_it_says_what_it_costs_a_day() -> None:
    (one,) = found(lambda ago: {"cost": 8 * 10**9} if ago < 14 else {})

    assert 2.5 <= float(str(one.evidence["more_per_day_usd"])) <= 3.0
    assert one.headline.startswith("a1 pays $2.")
    assert (
        "a day more for m than two weeks ago for as many calls: a call costs $0.10" in one.headline
    )


def test_what_is_younger_than_three_weeks_is_not_judged() -> None:
    assert not found(lambda ago: {"cost": round(5e9 * grown(ago, 40))}, days=20)
