"""Every rule fires and is over, from OTLP and guards' words to messages, in a real manager.

All stories happen in one fleet, on one day; looks are as far apart as the stories need.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.message import Message
from manager_agent.rules.registry import catalog
from tests.flow.rule_stories import CONFIG, START, STORIES, Story, call
from tests.harness.otlp import Sending
from tests.harness.scripted import Scripted, minutes, ns, scripted

_HOUR, _DAY = 60, 24 * 60
LOOKS = (
    *range(11),
    *(12, 15, 20, 30, 45, 60, 75, 90, 120, 180),
    *(26 * _HOUR, 50 * _HOUR, 8 * _DAY, 20 * _DAY, 40 * _DAY),
)
"""Minutes from the start. The last is of another month."""


@dataclass(frozen=True, slots=True)
class Day:
    """What came of it all."""

    changes: tuple[AlertRow, ...]
    messages: tuple[Message, ...]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with scripted(tmp_path_factory.mktemp("rules") / "data", CONFIG, START) as manager:
        waiting = sorted(
            (one for story in STORIES for one in story.calls),
            key=lambda one: one.start_ns + one.duration_ns,
        )
        for minute in LOOKS:
            manager.at(START + minutes(minute))
            waiting = _come(manager, waiting)
            for story in STORIES:
                if minute in story.act:
                    story.act[minute](manager)
            if minute < 10:
                manager.send(call("hasty", minute + 5) for _ in range(2))
            _look(manager)
        yield Day(tuple(manager.manager.control.alert_changes_since(0)), tuple(manager.messages))


def _come(manager: Scripted, waiting: list[Sending]) -> list[Sending]:
    """Send what is over by now; return the rest."""
    now_ns = ns(manager.now)
    over = [one for one in waiting if one.start_ns + one.duration_ns <= now_ns]
    if over:
        manager.send(over)
    return waiting[len(over) :]


def _look(manager: Scripted) -> None:
    """Look twice, a few seconds apart: what spans say of breakers is told after two."""
    manager.look()
    manager.at(manager.now + minutes(0.1))
    manager.manager.outcomes.tell_now()
    manager.manager.clerk.look(lambda book, now_us: None)
    manager.look()


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.rule)
def test_it_fires_is_told_and_is_over(day: Day, story: Story) -> None:
    mine = [one for one in day.changes if (one.rule, one.agent) == (story.rule, story.agent)]
    fired = [one for one in mine if one.reason == "fired" and one.told]
    assert fired, [(one.rule, one.agent) for one in day.changes if one.reason == "fired"]

    alert = fired[0].alert_id
    (told, *_) = [one for one in day.messages if one.alert_id == alert]
    assert (told.state, told.kind, told.agent) == ("firing", story.rule, story.agent)
    (over, *_) = [one for one in mine if one.alert_id == alert and one.state == "resolved"]
    assert over.reason == "resolved"
    last = [one for one in day.messages if one.alert_id == alert][-1]
    assert (last.state == "resolved") == over.told
    assert over.resolved_ts is not None
    assert over.resolved_ts > fired[0].ts


@pytest.mark.slow
def test_no_rule_is_forgotten() -> None:
    assert {story.rule for story in STORIES} == set(catalog())
