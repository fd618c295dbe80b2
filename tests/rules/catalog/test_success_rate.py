"""The rule that asks for a share of calls to succeed."""

from datetime import timedelta

import pytest

from manager_agent.rules.catalog.success_rate import SuccessRate
from manager_agent.rules.testing import NOW, frames


@pytest.mark.parametrize(
    ("calls", "errors", "ago", "told"),
    [
        pytest.param(100, 11, 30, True, id="89 %"),
        pytest.param(100, 10, 30, False, id="90 % is enough"),
        pytest.param(49, 49, 30, False, id="too few calls"),
        pytest.param(100, 50, 61, False, id="more than an hour ago"),
    ],
)
def test_when_it_fires(calls: int, errors: int, ago: int, told: bool) -> None:
    row = {"ts": NOW - timedelta(minutes=ago), "agent": "a", "calls": calls, "errors": errors}

    assert bool(list(SuccessRate().find(frames(minutes=[row]), NOW))) == told
