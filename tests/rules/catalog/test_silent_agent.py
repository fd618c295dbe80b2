"""The rule that misses agents; NOW is a Monday, 14:30."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from manager_agent.rules.catalog.silent_agent import SilentAgent
from manager_agent.rules.testing import NOW, frames

PRESENT = NOW.replace(minute=0)


def missed(hours_ago: Iterable[int], now: datetime = NOW, calls: int = 5) -> bool:
    present = now.replace(minute=0)
    rows = [
        {"ts": present - timedelta(hours=ago), "agent": "a", "calls": calls} for ago in hours_ago
    ]
    return bool(list(SilentAgent().find(frames(hours=rows), now)))


TUESDAY = NOW + timedelta(days=1)
SATURDAY = NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("hours_ago", "now", "told"),
    [
        pytest.param(range(3, 49), NOW, True, id="always, and now not"),
        pytest.param(range(49), NOW, False, id="always"),
        pytest.param(range(2, 49), NOW, False, id="one hour is not enough"),
        pytest.param([*range(5, 15), *range(30, 40)], NOW, False, id="it works at other hours"),
        pytest.param([24, 25, 26], NOW, False, id="once is no rhythm"),
        pytest.param([24, 25, 26, 48], NOW, True, id="at this time on both days"),
        pytest.param(
            [*range(3, 6), *range(20, 30), *range(44, 49)], NOW, True, id="office hours, from 8 on"
        ),
        pytest.param(
            [*range(3, 6), *range(21, 31), *range(45, 49)], NOW, True, id="an hour later each day"
        ),
        pytest.param([*range(3, 10), *range(14, 49)], NOW, True, id="four hours out of order"),
        pytest.param(
            [5, 6, 14, 15, 19, 24, 25, 26, 33, 40, 41, 48], NOW, False, id="now and then, by chance"
        ),
        pytest.param([*range(3, 17, 2), *range(24, 49)], NOW, False, id="less and less"),
        pytest.param(range(3, 49), TUESDAY, True, id="always, a day after the weekend"),
        pytest.param(
            [*range(3, 7), *range(20, 31), 48], TUESDAY, True, id="working days and Sunday noon"
        ),
        pytest.param([*range(24, 33), 48], SATURDAY, False, id="a weekend of one that sleeps"),
        pytest.param(range(3, 49), SATURDAY, True, id="a weekend of one that never does"),
    ],
)
def test_when_an_agent_is_missed(hours_ago: Iterable[int], now: datetime, told: bool) -> None:
    assert missed(hours_ago, now) == told


def test_a_call_now_and_then_is_no_rhythm() -> None:
    assert not missed(range(3, 49), calls=2)
