"""The memory's JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from manager_agent.rules.alert import Alert, Mute
from manager_agent.rules.finding import Mutes
from manager_agent.rules.memory import Memory
from manager_agent.rules.step import step


def test_an_empty_memory_is_readable() -> None:
    assert json.loads(Memory().to_json()) == {
        "format": 2,
        "revision": 0,
        "reminded": None,
        "alerts": [],
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('{"format": 3}', "has format 3, this program reads up to 2", id="newer"),
        pytest.param("{", "Expecting property name", id="no JSON"),
        pytest.param("[]", "not a JSON object", id="another JSON"),
        pytest.param('{"format": 2, "revision": 0}', "lacks 'alerts'", id="a part is missing"),
        pytest.param(
            '{"format": 1, "revision": 0, "alerts": [{"finding": {"hold": 1}}]}',
            "lacks 'told'",
            id="a part of a part is missing",
        ),
    ],
)
def test_what_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Memory.from_json(text)


def test_a_memory_of_the_first_format_is_read() -> None:
    """What it knew as fired was told, and nothing was muted; so nothing is told again."""
    [alert] = Memory.from_json(FIRST).alerts

    assert (alert.told, alert.peak, alert.mute, alert.silenced_by) == (800_000, 800_000, None, "")
    assert (alert.finding.keep, alert.finding.mutes) == (timedelta(0), ())
    again = step(Memory.from_json(FIRST), [alert.finding], datetime(2026, 11, 23, 15, tzinfo=UTC))
    assert (again.messages, again.alerts) == ((), ())


def test_all_that_an_alert_knows_is_remembered() -> None:
    mutes = Mutes(
        rule="loop", why="w", agents=("a",), upto="critical", facts={"x": 1}, linger=timedelta(1)
    )
    finding = replace(
        Memory.from_json(FIRST).alerts[0].finding,
        keep=timedelta(minutes=5),
        mutes=(mutes, replace(mutes, agents=None)),
        by_priority=True,
    )
    at = datetime(2026, 11, 23, 15, tzinfo=UTC)
    alert = Alert(
        finding,
        "firing",
        at,
        "id",
        at,
        None,
        at,
        3,
        2,
        True,
        Mute("m", "w", at, timedelta(1)),
        "s",
        9,
    )
    memory = Memory((alert, replace(alert, mute=None)), 9, at)

    assert Memory.from_json(memory.to_json()) == memory


FIRST = json.dumps(
    {
        "format": 1,
        "revision": 1795446000000000,
        "alerts": [
            {
                "finding": {
                    "rule": "budget",
                    "subject": "a|usd",
                    "agent": "a",
                    "severity": "warning",
                    "title": "t",
                    "headline": "h",
                    "evidence": {"spent_usd": "0.8"},
                    "level": 800000,
                    "hold": 0.0,
                    "until": "2026-11-23T16:00:00+00:00",
                    "tell_resolved": False,
                },
                "state": "firing",
                "since": "2026-11-23T14:00:00+00:00",
                "alert_id": "0123456789abcdef",
                "fired": "2026-11-23T14:00:00+00:00",
                "resolved": None,
                "told": 800000,
                "resolved_told": False,
                "revision": 1795446000000000,
            }
        ],
    }
)
