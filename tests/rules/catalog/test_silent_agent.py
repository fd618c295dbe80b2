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
        pytest.param([*range(24, 33), 48], SATURDAY, False, id="a weekend of one that sleeps"),
        pytest.param(range(3, 49), SATURDAY, True, id="a weekend of one that never does"),
    ],
)
def test_when_an_agent_is_missed(hours_ago: Iterable[int], now: datetime, told: bool) -> None:
    assert missed(hours_ago, now) == told


def test_a_call_now_and_then_is_no_rhythm() -> None:
    assert not missed(range(3, 49), calls=2)
