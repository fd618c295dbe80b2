"""The life of alerts, told as stories: what is found when, and what is said and recorded."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.finding import Finding
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Message
from manager_agent.rules.step import step
from manager_agent.rules.testing import budget, frames

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

FINDING = Finding(
    rule="loop",
    subject="a1",
    agent="a1",
    severity="warning",
    title="a1 loops",
    headline="a1 made 12 calls a minute",
    evidence={"calls": 12},
)


@dataclass
class Story:
    """Plays ticks, each at a number of minutes after START."""

    memory: Memory = field(default_factory=Memory)
    said: list[Message] = field(default_factory=list)
    rows: list[AlertRow] = field(default_factory=list)

    def at(self, minutes: float, *findings: Finding, failed: tuple[str, ...] = ()) -> "Story":
        done = step(self.memory, findings, START + timedelta(minutes=minutes), failed)
        self.memory = done.memory
        self.said += done.messages
        self.rows += done.alerts
        return self

    def spent(self, minutes: float, usd: str, limit: str = "1") -> "Story":
        """Tick with the budget rule: the agent a1 has spent so much of its hourly limit."""
        now = START + timedelta(minutes=minutes)
        world = frames(budgets=[budget("a1", "hour", spent=usd, limit=limit, now=now)])
        return self.at(minutes, *Budget().find(world, now))

    def percents(self) -> list[object]:
        return [message.facts["percent"] for message in self.said]

    def states(self) -> list[str]:
        return [change.state for change in self.rows]

    def reasons(self) -> list[str | None]:
        return [change.reason for change in self.rows]


def test_a_finding_that_stays_is_told_once() -> None:
    story = Story().at(0, FINDING).at(1, FINDING).at(2, FINDING)

    [message] = story.said
    [change] = story.rows
    assert (message.headline, message.state, message.ts) == (FINDING.headline, "firing", START)
    assert message.alert_id == change.alert_id
    assert (change.state, change.ts, change.resolved_ts) == ("firing", START, None)
    assert change.evidence_json == '{"calls": 12}'


def test_when_it_goes_the_alert_is_resolved_quietly() -> None:
    story = Story().at(0, FINDING).at(5)

    assert len(story.said) == 1
    assert story.states() == ["firing", "resolved"]
    assert story.rows[-1].resolved_ts == START + timedelta(minutes=5)
    assert story.memory.alerts == ()


def test_it_is_said_to_be_over_where_the_rule_wants_that() -> None:
    story = Story().at(0, replace(FINDING, tell_resolved=True)).at(5)

    assert [(one.state, one.headline) for one in story.said] == [
        ("firing", FINDING.headline),
        ("resolved", "Resolved: a1 loops"),
    ]


def test_when_it_comes_back_it_is_another_alert() -> None:
    story = Story().at(0, FINDING).at(1).at(2, FINDING)

    assert len(story.said) == 2
    assert len({change.alert_id for change in story.rows}) == 2


def test_also_within_one_moment() -> None:
    """A clock that stands still makes no two alerts the same."""
    story = Story().at(0, FINDING).at(0).at(0, FINDING)

    assert len({message.key for message in story.said}) == 2


def test_what_must_hold_is_pending_first() -> None:
    patient = replace(FINDING, hold=timedelta(minutes=2))
    story = Story().at(0, patient).at(1, patient)
    assert (story.said, story.reasons()) == ([], ["pending"])

    story.at(2, patient)

    assert story.reasons() == ["pending", "fired"]
    assert [change.ts for change in story.rows] == [START, START + timedelta(minutes=2)]
    assert len({change.alert_id for change in story.rows}) == 1


def test_what_does_not_hold_is_forgotten() -> None:
    patient = replace(FINDING, hold=timedelta(minutes=2))
    story = Story().at(0, patient).at(1).at(2, patient).at(3, patient)

    assert story.said == []
    assert story.reasons() == ["pending", "dropped", "pending"]
    assert story.states() == ["pending", "dropped", "pending"]


def test_a_clock_put_back_delays_nothing() -> None:
    story = Story().at(0, replace(FINDING, hold=timedelta(minutes=2))).at(-1, FINDING)

    assert story.states() == ["pending", "firing"]


def test_a_clock_put_back_by_a_day_does_not_hold_for_a_day() -> None:
    patient = replace(FINDING, hold=timedelta(minutes=2))
    story = Story().at(0, patient).at(-1440, patient).at(-1438, patient)

    assert story.reasons() == ["pending", "fired"]


def test_another_severity_is_recorded_not_told() -> None:
    story = Story().at(0, FINDING).at(1, replace(FINDING, severity="critical"))

    assert len(story.said) == 1
    assert [change.severity for change in story.rows] == ["warning", "critical"]


def test_the_last_numbers_are_in_the_record() -> None:
    story = Story().at(0, FINDING).at(1, replace(FINDING, headline="a1 made 99")).at(2)

    assert [change.message for change in story.rows] == [FINDING.headline, "a1 made 99"]


def test_of_two_findings_of_one_thing_the_worse_counts() -> None:
    worse = replace(FINDING, level=2, headline="worse")

    for pair in ((FINDING, worse), (worse, FINDING)):
        assert [message.headline for message in Story().at(0, *pair).said] == ["worse"]


def test_silence_of_a_broken_rule_is_no_news() -> None:
    story = Story().at(0, FINDING).at(1, failed=("loop",))
    assert story.states() == ["firing"]

    assert story.at(2).states() == ["firing", "resolved"]


def test_the_order_of_findings_does_not_matter() -> None:
    findings = [replace(FINDING, subject=name) for name in "abc"]

    assert Story().at(0, *findings) == Story().at(0, *reversed(findings))


def test_revisions_go_on_rising_when_the_memory_was_lost() -> None:
    before = Story().at(0, FINDING).at(1)
    after = Story().at(2, FINDING)

    assert max(change.revision for change in before.rows) < after.rows[0].revision


def test_each_share_of_a_budget_is_told_once() -> None:
    story = Story()
    for minutes, usd in enumerate(["0.1", "0.5", "0.6", "0.8", "0.9", "1", "1.7", "1.8"]):
        story.spent(minutes, usd)

    assert story.percents() == [50, 80, 100]
    assert len({message.alert_id for message in story.said}) == 1
    assert [message.severity for message in story.said] == ["info", "warning", "critical"]


def test_a_jump_tells_only_the_highest() -> None:
    assert Story().spent(0, "0").spent(1, "1.2").percents() == [120]


def test_spend_that_is_corrected_to_and_fro_is_not_told_again() -> None:
    story = (
        Story().spent(0, "0.5").spent(1, "0.49").spent(2, "0.5").spent(3, "0.85").spent(4, "0.7")
    )

    assert story.percents() == [50, 85]
    assert story.states() == ["firing", "resolved", "firing", "firing", "firing"]
    assert [change.severity for change in story.rows[-2:]] == ["warning", "info"]
    assert len({change.alert_id for change in story.rows}) == 1


def test_the_next_window_starts_anew() -> None:
    story = Story().spent(59, "1").spent(61, "0").spent(62, "1")

    assert story.percents() == [100, 100]
    assert story.states() == ["firing", "resolved", "firing"]
    assert len({change.alert_id for change in story.rows}) == 2


def test_one_tick_may_end_one_window_and_warn_of_the_next() -> None:
    story = Story().spent(59, "1").spent(61, "0.8")

    assert story.percents() == [100, 80]
    assert sorted(story.states()) == ["firing", "firing", "resolved"]


def test_a_new_limit_is_a_new_thing_to_be_warned_of() -> None:
    story = Story().spent(0, "1", limit="1").spent(1, "1", limit="2").spent(2, "2", limit="2")

    assert story.percents() == [100, 50, 100]
    assert len(story.memory.alerts) == 2
    assert {alert.state for alert in story.memory.alerts} == {"firing", "resolved"}


def test_what_can_no_more_return_is_forgotten() -> None:
    story = Story().spent(0, "0.5").spent(1, "0.4").spent(61, "0")

    assert story.memory.alerts == ()


def test_a_limit_is_compared_without_rounding() -> None:
    almost = str(Decimal(1) - Decimal("1E-9"))

    assert Story().spent(0, almost).percents() == [99]
