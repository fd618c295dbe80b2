"""What a rule wants stopped is paused once, in the name of the rule, and not forgotten."""

import json
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from manager_agent.app.loop_stops import LoopStops
from manager_agent.control.commands import PauseCalls
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.alert import AlertRow


def alert(action: str | None = "stop", state: Any = "firing", **evidence: Any) -> AlertRow:
    said = {"action": action, "run_is": "trace", "run": "t1", **evidence}
    at = datetime(2027, 1, 1, tzinfo=UTC)
    rule = ("infinite_loop", "a1", "critical", state, "title", "why", None, json.dumps(said))
    return AlertRow("id", 1, at, *rule)


class Clerk:
    """Notes what it is asked; fails as often as it is told to."""

    def __init__(self, failing: int = 0) -> None:
        self.asked: list[PauseCalls] = []
        self.failing = failing

    def ask(self, command: PauseCalls) -> Future[None]:
        self.asked.append(command)
        done: Future[None] = Future()
        self.failing -= 1
        if self.failing >= 0:
            done.set_exception(KeeperError("the disk is full"))
        else:
            done.set_result(None)
        return done


@pytest.mark.parametrize(
    ("evidence", "scope", "name"),
    [
        pytest.param({}, "trace", "t1", id="a trace"),
        pytest.param({"run_is": "conversation", "run": "c1"}, "conversation", "c1", id="a talk"),
        pytest.param({"run_is": "agent", "run": None}, "agent", "a1", id="calls without either"),
        pytest.param({"run_is": "lane", "run": None}, "agent", "a1", id="one of many"),
    ],
)
def test_what_is_paused(evidence: dict[str, Any], scope: Any, name: str) -> None:
    clerk = Clerk()

    LoopStops(clerk.ask).act([alert(**evidence)])

    assert clerk.asked == [PauseCalls(scope, name, "rule infinite_loop", "why")]


@pytest.mark.parametrize(
    "other",
    [
        alert(action=None),
        alert(state="resolved"),
        replace(alert(), reason="unsilenced"),
        replace(alert(), reason="muted"),
    ],
    ids=["only told", "over", "a silence ended, and people may have let it go on", "explained"],
)
def test_what_is_not(other: AlertRow) -> None:
    clerk = Clerk()

    LoopStops(clerk.ask).act([other])

    assert not clerk.asked


def test_what_cannot_be_kept_is_tried_again_until_it_is() -> None:
    clerk = Clerk(failing=2)
    stops = LoopStops(clerk.ask)

    stops.act([alert()])
    for _ in range(4):
        stops.act([])

    assert len(clerk.asked) == 3
