"""Who waits between repeats is no loop; who repeats at once is one."""

from datetime import datetime, timedelta
from itertools import accumulate

import pytest

from manager_agent.rules.loop_pace import Interval, idle, pace
from manager_agent.rules.testing import NOW


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def after(*waits: float, lasts: float = 0.1) -> list[Interval]:
    """Return intervals that begin so many seconds after each other."""
    return [(at(s), at(s + lasts)) for s in accumulate(waits, initial=0.0)]


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [
        pytest.param(after(2, 2, 2, 2), "at_once", id="each two seconds"),
        pytest.param(after(2, 9, 1, 6), "at_once", id="anyhow"),
        pytest.param(after(20, 20, 21, 20), "regular", id="slow and regular"),
        pytest.param(after(20, 90, 25, 60), "at_once", id="slow, not regular"),
        pytest.param(after(1, 2, 4, 8), "growing", id="doubling"),
        pytest.param(after(1, 2, 4, 8, 16, 30, 30, 30, 30), "growing", id="up to a longest wait"),
        pytest.param(after(1, 3, *[60] * 20), "regular", id="at its longest wait since long"),
        pytest.param(after(0.1, 0.1, 0.1, lasts=5), "parallel", id="side by side"),
        pytest.param(after(), "at_once", id="once"),
    ],
)
def test_pace(repeats: list[Interval], expected: str) -> None:
    assert pace(repeats, repeats, 15) == expected


def test_work_between_repeats_is_no_waiting() -> None:
    repeats = after(30, 30, 30)
    thinking = [(at(30 * n + 0.1), at(30 * n + 29)) for n in range(3)]

    assert pace(repeats, [*repeats, *thinking], 15) == "at_once"
    assert idle(repeats, [*repeats, *thinking]) == pytest.approx([1, 1, 1])
