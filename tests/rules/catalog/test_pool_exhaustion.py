"""Limits that agents share are told at the shares that people asked for."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.pool_exhaustion import PoolExhaustion
from manager_agent.rules.testing import NOW, frames

START = NOW.replace(hour=0, minute=0)
POOL: dict[str, Any] = {
    "scope": "group",
    "name": "research",
    "period": "day",
    "unit": "usd",
    "limit": 50 * 10**9,
    "window_start": START,
    "resets_at": START + timedelta(days=1),
    "unpriced_calls": 0,
    "priority": 3,
    "enforcement": "hard",
    "agents": ["a1", "a2"],
    "spenders": ["a2", "a1"],
}


@pytest.mark.parametrize(
    ("spent", "severity"),
    [
        pytest.param(25 * 10**9 - 1, None, id="less than half"),
        pytest.param(25 * 10**9, "info", id="half"),
        pytest.param(41 * 10**9, "warning", id="80 percent"),
        pytest.param(50 * 10**9, "critical", id="all of it"),
    ],
)
def test_the_highest_share_reached_is_told(spent: int, severity: str | None) -> None:
    found = list(PoolExhaustion().find(frames(pools=[{**POOL, "spent": spent}]), NOW))

    assert [one.severity for one in found] == ([severity] if severity else [])


def test_it_names_the_pool_and_who_spends() -> None:
    fleet = {**POOL, "scope": "fleet", "name": "", "agents": None, "unit": "tokens", "limit": 1000}
    rows = [{**POOL, "spent": 41 * 10**9}, {**fleet, "spent": 600}]

    group, all_of_them = PoolExhaustion().find(frames(pools=rows), NOW)

    assert group.headline == (
        "group research spent $41.00 of its $50.00 daily limit (82 %), resets 2026-11-24 00:00 UTC;"
        " most by a2, a1"
    )
    assert all_of_them.headline.startswith("the fleet spent 600 tokens of its 1,000 tokens daily")
    assert group.level == 800_000
    assert group.until == POOL["resets_at"]
