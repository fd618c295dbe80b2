"""A broken rule silences itself, never the others, and its alerts stay."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.analytics.frames import Frames
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.finding import Finding
from manager_agent.rules.look import look
from manager_agent.rules.memory import Memory
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
