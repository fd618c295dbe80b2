"""The rule that finds wrong clocks by when calls arrive."""

import pytest

from manager_agent.rules.catalog.clock_skew import ClockSkew
from manager_agent.rules.testing import NOW, frames


@pytest.mark.parametrize(
    ("calls", "least", "most", "direction"),
    [
        pytest.param(5, -61, 0, "ahead", id="ends after it arrives"),
        pytest.param(5, -60, 0, None, id="a minute is nothing"),
        pytest.param(4, -3600, 0, None, id="of few calls nothing is said"),
        pytest.param(5, 3600, 3700, "behind", id="all equally late"),
        pytest.param(5, 3600, 7200, None, id="a collector makes up for an outage"),
        pytest.param(5, 600, 610, None, id="ten minutes late may be a slow collector"),
    ],
)
def test_what_is_skew(calls: int, least: int, most: int, direction: str | None) -> None:
    row = {"agent": "a", "calls": calls, "least_ms": least * 1000, "most_ms": most * 1000}

    found = [one.evidence["direction"] for one in ClockSkew().find(frames(clocks=[row]), NOW)]

    assert found == ([] if direction is None else [direction])
