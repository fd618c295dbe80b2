"""The users' simple threshold: exactly as the configuration promises it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from manager_agent.analytics.frames import Thresholds
from manager_agent.rules.catalog.cost_spike_threshold import CostSpikeThreshold
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

HOUR = NOW.replace(minute=0)
CENT = 10**7


def found(now: int, before: Sequence[int], percent: float | None = 20.0) -> list[Finding]:
    """Return findings for nano-USD of the present hour and of those before, the latest first."""
    rows: list[dict[str, Any]] = [
        {"ts": HOUR - timedelta(hours=back), "agent": "a1", "model": "m", "calls": 1, "cost": cost}
        for back, cost in enumerate([now, *before])
    ]
    world = frames(hours=rows, thresholds=Thresholds(cost_spike_percentage=percent))
    return list(CostSpikeThreshold().find(world, NOW))


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        pytest.param(120 * CENT, [100 * CENT] * 3, False, id="20 percent above is not above it"),
        pytest.param(120 * CENT + 1, [100 * CENT] * 3, True, id="a nano-dollar more is"),
        pytest.param(500 * CENT, [100 * CENT] * 2, False, id="two hours are no history"),
        pytest.param(CENT - 1, [1] * 3, False, id="less than a cent"),
        pytest.param(CENT, [1] * 3, True, id="a cent"),
        pytest.param(5 * CENT, [CENT, CENT, 9 * CENT, 9 * CENT], False, id="the middle of two"),
        pytest.param(
            7 * CENT, [CENT, CENT, 9 * CENT, 9 * CENT], True, id="above the middle of two"
        ),
        pytest.param(3 * CENT, [CENT] * 24 + [900 * CENT] * 24, True, id="the last 24 hours only"),
    ],
)
def test_the_threshold(now: int, before: list[int], told: bool) -> None:
    assert bool(found(now, before)) == told


def test_it_watches_only_where_the_configuration_names_the_key() -> None:
    assert not found(500 * CENT, [CENT] * 5, percent=None)


def test_an_hour_is_told_once_and_says_what_it_is_compared_with() -> None:
    (one,) = found(150 * CENT, [100 * CENT] * 3)

    assert (one.subject, one.until) == ("a1|2026-11-23T14Z", HOUR + timedelta(hours=1))
    assert one.headline == (
        "a1 spent $1.50 since 14:00 UTC, 50 % above the median $1.00 of its last 3 hours with "
        "calls; the limit is 20 %"
    )
