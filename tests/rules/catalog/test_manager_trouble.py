"""The rule that tells of the manager itself."""

from datetime import timedelta

import pytest

from manager_agent.rules.catalog.manager_trouble import ManagerTrouble
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames


def found(trouble: str, about: str = "") -> Finding:
    row = {"trouble": trouble, "about": about, "said": "it is so"}
    (one,) = ManagerTrouble().find(frames(health=[row]), NOW)
    return one


@pytest.mark.parametrize(
    ("trouble", "severity", "patience"),
    [
        ("disk", "critical", 0),
        ("facts", "critical", 0),
        ("budgets", "critical", 0),
        ("delivery", "warning", 0),
        ("rule", "warning", 3),
        ("snapshot", "warning", 3),
        ("slow", "warning", 3),
    ],
)
def test_what_cannot_wait_is_told_at_once(trouble: str, severity: str, patience: int) -> None:
    one = found(trouble)

    assert (one.severity, one.hold) == (severity, timedelta(minutes=patience))
    assert one.headline.endswith(": it is so")


def test_two_broken_rules_are_two_troubles() -> None:
    assert found("rule", "budget").key != found("rule", "creep").key


def test_all_is_well() -> None:
    assert not list(ManagerTrouble().find(frames(), NOW))
