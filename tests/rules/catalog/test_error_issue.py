"""The rule that tells of issues: once each, and once more when one is back."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.error_issue import ErrorIssue
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames


def found(**values: Any) -> list[Finding]:
    row: dict[str, Any] = {
        "issue_id": "i1",
        "kind": "bad_request",
        "state": "new",
        "title": "OpenAI gpt-4o: no such field",
        "tldr": "OpenAI gpt-4o: 5 failed calls since 14:00 UTC.",
        "cause": "no such field <str>",
        "action": "correct the request",
        "transient": False,
        "agents": ["writer"],
        "first_seen": NOW - timedelta(hours=1),
        "last_seen": NOW,
        "count": 5,
        "last_day": 5,
        "cost": 0,
        "unpriced": 0,
        "priority": 3,
        "regressions": 0,
    }
    return list(ErrorIssue().find(frames(issues=[{**row, **values}]), NOW))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"last_day": 5}, True, id="five"),
        pytest.param({"last_day": 4}, False, id="a few say little"),
        pytest.param({"last_day": 19, "transient": True}, False, id="what passes may take more"),
        pytest.param({"last_day": 20, "transient": True}, True, id="but not that many"),
        pytest.param({"last_day": 2, "kind": "auth"}, True, id="a refused key stays refused"),
        pytest.param({"last_day": 1, "kind": "auth"}, False, id="one may be a typing error"),
        pytest.param({"last_seen": NOW - timedelta(minutes=60)}, False, id="quiet: over"),
        pytest.param({"last_seen": NOW - timedelta(minutes=59)}, True, id="not quiet yet"),
    ],
)
def test_when_people_are_told(values: dict[str, Any], told: bool) -> None:
    assert bool(found(**values)) == told


def test_what_they_are_told() -> None:
    (first,) = found()
    (again,) = found(regressions=1, priority=1, agents=["a", "b"])

    assert (first.subject, first.agent, first.severity) == ("i1|0", "writer", "warning")
    assert first.headline == "OpenAI gpt-4o: 5 failed calls since 14:00 UTC."
    assert first.evidence["grouped_by"] == "no such field <str>"
    assert (again.subject, again.agent, again.severity) == ("i1|1", None, "critical")
    assert again.headline.startswith("Back again: ")
