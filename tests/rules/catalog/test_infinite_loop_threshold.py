"""More calls of one agent in any 60 s than people named: their words, exactly."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from manager_agent.analytics.frames import Frames, Thresholds
from manager_agent.rules.catalog.infinite_loop_threshold import InfiniteLoopThreshold
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames


def world(seconds_ago: Iterable[float], limit: int | None = 10, agent: str = "a1") -> Frames:
    """Return frames with a call of an agent so many seconds before NOW each."""
    calls = [
        {"agent": agent, "ts": NOW - timedelta(seconds=ago), "cost": 1_000_000}
        for ago in sorted(seconds_ago, reverse=True)
    ]
    return frames(calls=calls, thresholds=Thresholds(infinite_loop_calls_per_minute=limit))


def found(seen: Frames) -> list[Finding]:
    return list(InfiniteLoopThreshold().find(seen, NOW))


@pytest.mark.parametrize(
    ("seconds_ago", "told"),
    [
        pytest.param([5.9 * n for n in range(10)], False, id="as many as named are not more"),
        pytest.param([5.9 * n for n in range(11)], True, id="one more is"),
        pytest.param([6.0 * n for n in range(60)], False, id="a call every 6 s is 10 in 60 s"),
        pytest.param([40 + 2 * n for n in range(11)], True, id="across two clock minutes"),
        pytest.param([280 + n for n in range(11)], True, id="some minutes ago"),
        pytest.param([301 + n for n in range(11)], False, id="over by now"),
    ],
)
def test_any_sixty_seconds(seconds_ago: list[float], told: bool) -> None:
    assert bool(found(world(seconds_ago))) == told


def test_it_is_off_where_nobody_named_it() -> None:
    assert not found(world(range(60), limit=None))


def test_calls_of_several_agents_are_not_added_up() -> None:
    one, other = world(range(0, 16, 2)), world(range(0, 16, 2), agent="a2")
    both = frames(calls=[*one.calls.to_dicts(), *other.calls.to_dicts()], thresholds=one.thresholds)

    assert not found(both)


def test_what_people_read() -> None:
    [one] = found(world([*range(0, 40, 2), 3000]))

    assert one.headline == (
        "a1 made 20 calls in 60 s, more than 10: 20 calls for $0.02 since 14:29:22 UTC"
    )
    assert (one.agent, one.severity, one.subject) == ("a1", "warning", "a1")
    assert one.evidence["cost_usd"] == "0.02"


def test_twice_as_many_is_a_new_level() -> None:
    levels = [
        found(world([n * 50 / count for n in range(count)]))[0].level for count in (11, 21, 22)
    ]

    assert levels == [1, 1, 2]
