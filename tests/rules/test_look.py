"""A broken rule silences itself, never the others, and its alerts stay."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manager_agent.analytics.frames import Frames
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.finding import Finding
from manager_agent.rules.look import Asked, look
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Severity
from manager_agent.rules.rule import Rule, rule
from manager_agent.rules.step import step
from manager_agent.rules.testing import NOW, budget, frames


@rule
class HalfBroken:
    """Finds one thing, then breaks if told to."""

    broken: bool = False

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        yield Finding(
            rule="half_broken",
            subject="s",
            agent=None,
            severity="info",
            title="t",
            headline="h",
            evidence={},
        )
        if self.broken:
            raise ZeroDivisionError("by design")


WORLD = frames(budgets=[budget("a1", "hour", spent=1, limit=1)])


def test_the_others_are_still_asked() -> None:
    seen = look([HalfBroken(broken=True), Budget()], WORLD, NOW)

    assert [one.rule for one in seen.findings] == ["budget"]
    assert seen.failed == {"half_broken": "ZeroDivisionError: by design"}


def test_what_a_broken_rule_found_before_is_not_resolved() -> None:
    rules: list[Rule] = [HalfBroken(), Budget()]
    before = step(Memory(), look(rules, WORLD, NOW).findings, NOW)

    seen = look([HalfBroken(broken=True), Budget()], frames(), NOW)
    after = step(before.memory, seen.findings, NOW, seen.failed)

    assert {alert.finding.rule: alert.state for alert in after.memory.alerts} == {
        "half_broken": "firing",
        "budget": "resolved",
    }


@rule
class Strange:
    """Finds what `STRANGE` holds."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        yield from STRANGE


STRANGE: list[Finding] = []
SOUND = Finding(
    rule="strange", subject="s", agent="a1", severity="info", title="t", headline="h", evidence={}
)


def strange(**fields: Any) -> Finding:
    """Return a finding that no type checker lets pass."""
    return replace(SOUND, **fields)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        pytest.param("nonsense", "found a str, which is no Finding", id="no finding"),
        pytest.param(strange(rule="other"), "a finding is of rule 'other'", id="another rule's"),
        pytest.param(
            strange(until=datetime(2026, 1, 1)), "has no time zone", id="a time of no zone"
        ),
        pytest.param(strange(evidence={"x": Decimal(1)}), "'x' is a Decimal", id="no JSON"),
        pytest.param(strange(evidence={"x": float("nan")}), "'x' is nan", id="no number"),
        pytest.param(strange(severity="bad"), "severity 'bad' is none of", id="severity"),
        pytest.param(strange(level=0.5), "level 0.5 is no whole number", id="level"),
        pytest.param(strange(keep=timedelta(-1)), "keep is below 0", id="a span below 0"),
        pytest.param(strange(agent=3), "agent is neither", id="agent"),
        pytest.param(strange(title=None), "title is no text", id="title"),
        pytest.param(strange(mutes=("x",)), "is no Mutes", id="mutes"),
    ],
)
def test_what_cannot_be_kept_is_a_fault_and_the_rest_counts(made: Any, says: str) -> None:
    STRANGE[:] = [made, SOUND]

    seen = look([Strange()], frames(), NOW)

    assert seen.findings == (SOUND,)
    assert says in seen.failed["strange"]
    step(Memory(), seen.findings, NOW, seen.failed).memory.to_json()


def test_a_rule_that_finds_no_end_is_cut_off() -> None:
    STRANGE[:] = [replace(SOUND, subject=str(number)) for number in range(20_001)]

    seen = look([Strange()], frames(), NOW)

    assert len(seen.findings) == 20_000
    assert "more than 20,000" in seen.failed["strange"]


def test_each_rule_is_timed() -> None:
    ticking = iter([1.0, 1.5, 2.0, 4.0])

    seen = look([HalfBroken(broken=True), Budget()], WORLD, NOW, lambda: next(ticking))

    assert seen.asked == {
        "half_broken": Asked(0.5, 0, "ZeroDivisionError: by design"),
        "budget": Asked(2.0, 1),
    }


@pytest.mark.parametrize(
    ("asks", "priority", "severity", "told"),
    [
        pytest.param(True, 1, "info", "warning", id="a step up"),
        pytest.param(True, 1, "warning", "critical", id="to critical"),
        pytest.param(True, 1, "critical", "critical", id="no further"),
        pytest.param(True, 2, "info", "info", id="only where the priority is 1"),
        pytest.param(False, 1, "info", "info", id="only where the rule asks for it"),
    ],
)
def test_a_critical_agent_makes_it_more_severe(
    asks: bool, priority: int, severity: Severity, told: Severity
) -> None:
    STRANGE[:] = [
        replace(SOUND, by_priority=asks, severity=severity),
        replace(SOUND, subject="2", agent=None, by_priority=asks),
        replace(SOUND, subject="3", agent="another", by_priority=asks),
    ]
    policy = BudgetPolicy(agents={"a1": Limits(priority=priority)})

    first, *others = look([Strange()], frames(policy=policy), NOW).findings

    assert first.severity == told
    assert {one.severity for one in others} == {"info"}
