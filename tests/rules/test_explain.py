"""This one explains that one: told as stories of an outage, its breakers and what they stop."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.finding import Finding, Mutes
from manager_agent.rules.memory import Memory
from manager_agent.rules.message import Severity
from manager_agent.rules.reminder import STILL_OPEN
from manager_agent.rules.silence import Silence, matcher
from manager_agent.rules.step import step

START = datetime(2026, 11, 23, 14, tzinfo=UTC)


def finding(
    rule: str, agent: str = "a1", severity: Severity = "warning", *mutes: Mutes, level: int = 0
) -> Finding:
    return Finding(
        rule=rule,
        subject=agent,
        agent=agent,
        severity=severity,
        title=rule,
        headline=f"{rule} {agent} {level}",
        evidence={"provider": "openai"},
        level=level,
        tell_resolved=True,
        mutes=mutes,
    )


ERRORS = finding("errors")
BREAKER = finding("breaker", "a1", "warning", Mutes(rule="errors", why="stopped", agents=("a1",)))
OUTAGE = finding("outage", "", "critical", Mutes(rule="breaker", why="openai is down"))


@dataclass
class Story:
    """Plays ticks; what was said is in `said`, as headlines."""

    memory: Memory = field(default_factory=Memory)
    said: list[str] = field(default_factory=list)
    rows: list[AlertRow] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    every: timedelta | None = None

    def at(self, minutes: float, *findings: Finding) -> "Story":
        now = START + timedelta(minutes=minutes)
        done = step(self.memory, findings, now, silences=self.silences, remind=self.every)
        self.memory = done.memory
        self.said += [one.headline for one in done.messages]
        self.rows += done.alerts
        return self

    def of(self, rule: str) -> list[tuple[str | None, bool]]:
        """Return the reasons of a rule's changes, and whether people muted hear nothing."""
        return [(row.reason, row.muted_by is not None) for row in self.rows if row.rule == rule]


def test_only_the_cause_is_told_and_the_effect_when_it_goes_on() -> None:
    story = Story().at(0, BREAKER, ERRORS).at(1, BREAKER, ERRORS)
    assert story.said == ["breaker a1 0"]
    [cause] = [row for row in story.rows if row.rule == "breaker"]
    [effect] = [row for row in story.rows if row.rule == "errors"]
    assert (effect.muted_by, effect.muted_why, effect.told) == (cause.alert_id, "stopped", False)

    story.at(2, ERRORS)

    assert story.said[1:] == ["Resolved: breaker", "errors a1 0"]
    assert story.of("errors") == [("fired", True), ("unmuted", False)]


def test_what_ends_with_its_cause_was_never_told() -> None:
    story = Story().at(0, BREAKER, ERRORS).at(1)

    assert story.said == ["breaker a1 0", "Resolved: breaker"]


def test_through_others_the_first_cause_stands_for_all() -> None:
    story = Story().at(0, OUTAGE, BREAKER, ERRORS)

    assert story.said == ["outage  0"]
    [cause] = [row.alert_id for row in story.rows if row.rule == "outage"]
    assert {row.muted_by for row in story.rows} == {None, cause}


def test_other_agents_other_facts_and_worse_are_not_meant() -> None:
    picky = Mutes(rule="errors", why="w", agents=("a1",), facts={"provider": "anthropic"})
    others = finding("errors", "a2")
    worse = replace(ERRORS, severity="critical")

    assert len(Story().at(0, BREAKER, others).said) == 2
    assert len(Story().at(0, BREAKER, worse).said) == 2
    assert len(Story().at(0, replace(BREAKER, mutes=(picky,)), ERRORS).said) == 2
    picked = replace(picky, facts={"provider": "openai"}, upto="critical")
    assert len(Story().at(0, replace(BREAKER, mutes=(picked,)), worse).said) == 1


def test_what_gets_too_bad_for_its_mute_is_told() -> None:
    story = Story().at(0, BREAKER, ERRORS).at(1, BREAKER, replace(ERRORS, severity="critical"))

    assert story.said == ["breaker a1 0", "errors a1 0"]


def test_a_cause_that_is_not_told_explains_nothing() -> None:
    silence = Silence(
        "s", (matcher("rule=breaker"),), START, START + timedelta(hours=1), "ann", "", START
    )
    story = Story(silences=[silence]).at(0, BREAKER, ERRORS)

    assert story.said == ["errors a1 0"]


def test_in_a_circle_who_was_told_first_stands_for_the_others() -> None:
    one = replace(ERRORS, mutes=(Mutes(rule="breaker", why="w"),))
    story = Story().at(0, BREAKER, one).at(1, BREAKER, one).at(2, BREAKER, one)

    assert story.said == ["breaker a1 0"]


def test_what_lingers_is_told_later_also_after_a_clock_put_back() -> None:
    slow = Mutes(rule="errors", why="w", linger=timedelta(minutes=5))
    story = Story().at(0, replace(BREAKER, mutes=(slow,)), ERRORS)

    assert story.at(4, ERRORS).said[-1] == "Resolved: breaker"
    assert story.at(5, ERRORS).said[-1] == "errors a1 0"

    back = Story().at(0, replace(BREAKER, mutes=(slow,)), ERRORS).at(-600, ERRORS)
    assert back.at(-596, ERRORS).said[-1] == "Resolved: breaker"
    assert back.at(-595, ERRORS).said[-1] == "errors a1 0"


def test_silence_and_what_worsens_under_it() -> None:
    silence = Silence(
        "s", (matcher("agent=a*"),), START, START + timedelta(minutes=5), "ann", "", START
    )
    story = Story(silences=[silence])
    story.at(0, ERRORS).at(1, finding("errors", level=2)).at(2, finding("errors", level=1))
    assert story.said == []
    assert [row.reason for row in story.rows] == ["fired", "worsened"]

    story.at(5, finding("errors", level=1)).at(6, finding("errors", level=2))

    assert story.said == ["errors a1 1", "errors a1 2"]
    assert [row.reason for row in story.rows[2:]] == ["unsilenced", "told"]
    assert [row.told for row in story.rows] == [False, False, True, True]


def test_what_was_silenced_while_it_ended_is_not_said_to_be_over() -> None:
    silence = Silence(
        "s", (matcher("rule=errors"),), START, START + timedelta(minutes=5), "ann", "", START
    )

    assert Story(silences=[silence]).at(0, ERRORS).at(1).said == []
    assert Story(silences=[silence]).at(0, ERRORS).at(6).said == [], "nobody heard that it fired"


def test_within_its_window_it_is_said_to_be_over_once() -> None:
    lasting = replace(ERRORS, until=START + timedelta(hours=1))
    story = Story().at(0, lasting).at(1).at(2, lasting).at(3)

    assert story.said == ["errors a1 0", "Resolved: errors"]
    assert [row.reason for row in story.rows] == ["fired", "resolved", "reopened", "resolved"]


def test_what_is_gone_for_a_moment_is_not_over() -> None:
    kept = replace(ERRORS, keep=timedelta(minutes=3))
    story = Story().at(0, kept).at(1).at(2, kept).at(3).at(5)
    assert [row.reason for row in story.rows] == ["fired"]

    story.at(6)

    assert [row.reason for row in story.rows] == ["fired", "resolved"]


def test_a_rule_that_is_gone_withdraws_its_alerts_without_a_word() -> None:
    story = Story().at(0, ERRORS)
    done = step(story.memory, [], START + timedelta(minutes=1), gone={"errors"})

    assert [(row.reason, row.state) for row in done.alerts] == [("withdrawn", "resolved")]
    assert (done.messages, done.memory.alerts) == ((), ())


def test_people_are_reminded_of_what_is_open_and_was_told() -> None:
    story = Story(every=timedelta(hours=1)).at(0, BREAKER, ERRORS).at(30, BREAKER, ERRORS)
    assert len(story.said) == 1

    story.at(60, BREAKER, ERRORS).at(90, BREAKER, ERRORS).at(120)

    assert story.said[1:] == ["1 alert still open", "Resolved: breaker"]
    now = START + timedelta(minutes=60)
    again = step(Story().at(0, BREAKER).memory, [BREAKER], now, remind=timedelta(hours=1))
    assert [one.kind for one in again.messages] == []  # the first look begins to count
    later = step(again.memory, [BREAKER], now + timedelta(hours=1), remind=timedelta(hours=1))
    [reminder] = later.messages
    assert (reminder.kind, reminder.agent) == (STILL_OPEN, "a1")
    assert reminder.facts == {"1": "breaker a1 0 (since 2026-11-23 14:00 UTC)"}
