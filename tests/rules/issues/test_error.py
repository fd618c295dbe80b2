"""Errors as the frames have them: which are new or corrected, and how far back they reach."""

from datetime import timedelta
from typing import Any

from manager_agent.rules.issues.error import FULL, failures, reach
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.testing import NOW, frames

CALL: dict[str, Any] = {
    "call_id": "c1",
    "ts": NOW - timedelta(minutes=1),
    "agent": "a",
    "provider": "openai",
    "status": "error",
    "error_message": "Overloaded",
}
TOOL: dict[str, Any] = {
    "ts": NOW - timedelta(minutes=1),
    "agent": "a",
    "tool": "search",
    "status": "error",
    "trace_id": "t1",
    "arguments_digest": "d1",
}


def test_only_what_is_not_known_so_is_looked_at() -> None:
    tracker = Tracker()
    first = frames(calls=[CALL, {**CALL, "call_id": "c2", "status": "ok"}], tools=[TOOL])
    found = failures(first)
    tracker.follow(found.changed, NOW, reach(first, NOW), found.present)

    same = failures(first, tracker.known)
    other = failures(frames(calls=[{**CALL, "cost": 5}], tools=[TOOL]), tracker.known)

    assert [one.source for one in found.changed] == ["call", "tool"]
    assert (same.present, same.changed) == (found.present, ())
    assert [(one.call_id, one.cost) for one in other.changed] == [("c1", 5)]
    assert not tracker.follow(same.changed, NOW, reach(first, NOW), same.present)


def test_equal_executions_of_a_tool_are_as_many_as_they_are() -> None:
    found = failures(frames(tools=[TOOL, TOOL, {**TOOL, "arguments_digest": "d2"}]))

    assert len(found.present) == len(found.changed) == 3


def test_they_reach_back_an_hour_or_to_the_oldest_of_a_full_frame() -> None:
    begun = NOW - timedelta(minutes=20)
    calls = frames(calls=[{"ts": begun, "status": "ok"}]).calls
    full = frames()
    full = type(full)(full.budgets, full.unpriced, full.policy, calls=calls[[0] * FULL])

    assert reach(frames(), NOW) == NOW - timedelta(hours=1)
    assert reach(full, NOW) == begun
