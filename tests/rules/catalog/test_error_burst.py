"""The rule that holds an agent's failures against its own past."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.error_burst import ErrorBurst
from manager_agent.rules.testing import NOW, frames


def told(calls: int, errors: int, past: tuple[int, int] | None = None, ago: int = 3) -> list[Any]:
    minute = {"ts": NOW - timedelta(minutes=ago), "agent": "a", "calls": calls, "errors": errors}
    hours = []
    if past:
        at = NOW - timedelta(hours=5)
        hours = [{"ts": at, "agent": "a", "calls": past[0], "errors": past[1]}]
    return list(ErrorBurst().find(frames(minutes=[minute], hours=hours), NOW))


@pytest.mark.parametrize(
    ("calls", "errors", "past", "fires"),
    [
        pytest.param(40, 12, (1000, 10), True, id="30 % where 1 % is usual"),
        pytest.param(40, 8, (1000, 10), False, id="too few failures to say"),
        pytest.param(19, 19, (1000, 10), False, id="too few calls to say"),
        pytest.param(40, 12, (1000, 150), False, id="30 % where 15 % is usual: not thrice"),
        pytest.param(100, 66, (1000, 300), True, id="two thirds where 30 % is usual"),
        pytest.param(100, 64, (1000, 300), False, id="not half of what else succeeds"),
        pytest.param(20, 13, (1000, 300), False, id="of few calls that may be chance"),
        pytest.param(100, 90, (1000, 650), False, id="always bad is no burst"),
        pytest.param(40, 12, None, True, id="an agent without a past"),
        pytest.param(200, 12, None, False, id="6 % is no 20 % more"),
    ],
)
def test_when_it_fires(calls: int, errors: int, past: tuple[int, int] | None, fires: bool) -> None:
    assert bool(told(calls, errors, past)) == fires


def test_it_is_over_when_the_failures_are_ten_minutes_old() -> None:
    (burst,) = told(40, 40)

    assert burst.severity == "critical"
    assert burst.headline == (
        "100 % of the calls of a failed in the last 10 min (40 of 40); usual is 2 %"
    )
    assert not told(40, 40, ago=11)
