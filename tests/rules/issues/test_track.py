"""Errors become issues: each counted once, and what people decided holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.rules.issues.document import (
    counted_of,
    counted_text,
    issue_of,
    issue_text,
    pattern_of,
    pattern_text,
)
from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.issue import Changes, Issue, Kept, micros
from manager_agent.rules.issues.life import Terms
from manager_agent.rules.issues.mask import tokens_of
from manager_agent.rules.issues.steering import SteeringError, merge, resolve, split
from manager_agent.rules.issues.track import VERSIONS, Tracker
from manager_agent.rules.testing import NOW
from tests.rules.issues.errors import HOUR, LIMITED, NO_KEY, failed

NOW_US = micros(NOW)


def look(tracker: Tracker, errors: Sequence[Failed], now: datetime = NOW) -> Changes:
    within = [one for one in errors if now - HOUR < one.ts <= now]
    return tracker.follow(within, now, now - HOUR)


class Disk:
    """What changes add up to, as a store keeps it."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {"issues": {}, "patterns": {}, "counted": {}}
        self.horizon_us = self.revision = 0

    def keep(self, changes: Changes) -> None:
        issues, patterns, counted = self.kept.values()
        issues |= {one.issue_id: issue_text(one) for one in changes.issues}
        patterns |= {one.template.template_id: pattern_text(one) for one in changes.patterns}
        counted |= {one.key: counted_text(one) for one in changes.counted}
        for gone, _ in changes.gone_issues:
            del issues[gone]
        for gone in changes.gone_patterns:
            patterns.pop(gone, None)
        for gone in changes.gone_counted:
            counted.pop(gone, None)
        self.horizon_us = changes.horizon_us
        self.revision = max([self.revision, *(one.revision for one in changes.issues)])

    def load(self) -> Kept:
        issues, patterns, counted = self.kept.values()
        return Kept(
            tuple(map(issue_of, issues.values())),
            tuple(map(pattern_of, patterns.values())),
            tuple(map(counted_of, counted.values())),
            self.horizon_us,
            self.revision,
        )


def only(tracker: Tracker) -> Issue:
    (issue,) = tracker.issues.values()
    return issue


def test_alike_errors_are_one_issue_with_its_facts() -> None:
    tracker = Tracker()
    other = LIMITED.replace("29871", "1").replace("766ms", "1m4.2s").replace("abc123", "zz9plural")

    look(tracker, [failed(1, ago=50, cost=7), failed(2, other, agent="reader", cost=None)])

    found = only(tracker)
    assert (found.kind, found.state, found.sum.count) == ("rate_limit", "new", 2)
    assert found.sum.agents == {"writer": 1, "reader": 1}
    assert (found.sum.cost, found.sum.unpriced) == (7, 1)
    assert (found.sum.first_us, found.sum.last_us) == (
        micros(NOW - timedelta(minutes=50)),
        micros(NOW - timedelta(minutes=10)),
    )
    assert found.sum.last_call == "2"
    (pattern,) = tracker.patterns.values()
    assert pattern.template.text.startswith("Rate limit reached for <id> in organization <id> on")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"message": NO_KEY, "error_type": "AuthenticationError"}, id="kind"),
        pytest.param({"provider": "anthropic"}, id="provider"),
        pytest.param({"model": "gpt-4o-mini"}, id="family of a kind that is the model's"),
    ],
)
def test_what_makes_another_issue(other: dict[str, Any]) -> None:
    tracker = Tracker()

    look(tracker, [failed(1), failed(2, **other)])

    assert len(tracker.issues) == 2


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({"agent": "reader"}, id="another agent"),
        pytest.param({"model": "gpt-4o-2024-08-06"}, id="another version of the model"),
        pytest.param({"error_type": "openai.RateLimitError"}, id="a class with its package"),
        pytest.param({"error_type": "429"}, id="a status in place of a class"),
        pytest.param({"http_status": 429}, id="a status that is told"),
    ],
)
def test_what_makes_no_other_issue(same: dict[str, Any]) -> None:
    tracker = Tracker()

    look(tracker, [failed(1), failed(2, **same)])

    assert only(tracker).sum.count == 2


def test_a_key_that_is_refused_is_the_providers_matter_not_a_models() -> None:
    tracker = Tracker()

    look(tracker, [failed(1, NO_KEY), failed(2, NO_KEY, model="gpt-4o-mini")])

    assert only(tracker).sum.models == {"gpt-4o": 1, "gpt-4o-mini": 1}


WORLD = st.dictionaries(
    st.integers(0, 7),
    st.tuples(
        st.sampled_from([LIMITED, NO_KEY, "Connection error.", ""]),
        st.sampled_from(["a", "b"]),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=6,
)


@settings(max_examples=40)
@given(st.lists(st.tuples(WORLD, st.booleans(), st.integers(0, 20)), max_size=12))
def test_each_error_counts_once_over_looks_restarts_and_corrections(
    story: list[tuple[dict[int, tuple[str, str, int | None]], bool, int]],
) -> None:
    """Whatever is sent again, corrected, taken back or restarted, the sums are those of the
    errors as they were last seen within the hour."""
    disk, tracker, now = Disk(), Tracker(), NOW
    last: dict[str, Failed] = {}
    for world, restart, minutes in story:
        now += timedelta(minutes=minutes)
        errors = [
            failed(n, message, agent=agent, cost=cost, now=NOW, ago=n * 7)
            for n, (message, agent, cost) in world.items()
        ]
        inside = {one.key: one for one in errors if one.ts > now - HOUR}
        final = {key: one for key, one in last.items() if one.ts <= now - HOUR}
        last = final | inside
        disk.keep(look(tracker, errors, now))
        if restart:
            tracker = Tracker(disk.load())

        assert sum(one.sum.count for one in tracker.issues.values()) == len(last)
        by_agent: Counter[str] = Counter()
        for one in tracker.issues.values():
            by_agent.update(one.sum.agents)
        assert by_agent == Counter(one.agent for one in last.values())
        assert sum(one.sum.cost for one in tracker.issues.values()) == sum(
            one.cost or 0 for one in last.values()
        )
        assert Tracker(disk.load()).issues == tracker.issues


def test_nothing_new_changes_nothing() -> None:
    tracker = Tracker()
    errors = [failed(1), failed(2)]
    look(tracker, errors)

    assert not look(tracker, errors)


def test_an_error_that_was_none_is_taken_back_and_its_issue_is_gone() -> None:
    tracker = Tracker()
    look(tracker, [failed(1)])
    issue = only(tracker)

    changes = look(tracker, [])

    assert [gone for gone, _ in changes.gone_issues] == [issue.issue_id]
    assert not tracker.issues


def test_its_life() -> None:
    tracker, day = Tracker(), timedelta(days=1)
    look(tracker, [failed(1, ago=0)])
    states = [only(tracker).state]
    at = NOW + day - timedelta(minutes=30)
    look(tracker, [failed(2, now=at, ago=0)], at)
    look(tracker, [failed(2, now=at, ago=0)], at + timedelta(minutes=30))
    states.append(only(tracker).state)
    look(tracker, [], at + day)
    states.append(only(tracker).state)
    quiet = only(tracker).resolved_by
    look(tracker, [failed(3, now=at + 2 * day, ago=0)], at + 2 * day)
    states.append(only(tracker).state)

    assert states == ["new", "ongoing", "resolved", "regressed"]
    assert quiet == "manager"
    assert only(tracker).regressions == 1
    look(tracker, [], at + 2 * day + timedelta(days=92))
    look(tracker, [], at + 2 * day + timedelta(days=200))
    assert not tracker.issues
    assert not tracker.patterns


def test_what_people_resolved_comes_back_with_a_new_error_not_with_a_late_one() -> None:
    tracker = Tracker()
    look(tracker, [failed(1)])
    resolve(tracker, only(tracker).issue_id, "ann", "key renewed", NOW_US)
    look(tracker, [failed(1), failed(2, ago=5)])
    late = only(tracker)
    look(tracker, [failed(1), failed(2, ago=5), failed(3, ago=-1)], NOW + timedelta(minutes=2))

    assert (late.state, late.resolved_by, late.why) == ("resolved", "ann", "key renewed")
    assert (only(tracker).state, only(tracker).sum.count) == ("regressed", 3)


OTHER = "Error code: 429 - {'error': {'message': 'You are sending requests too quickly.'}}"


def test_merged_issues_stay_merged_and_can_be_split_again() -> None:
    disk, tracker = Disk(), Tracker()
    disk.keep(look(tracker, [failed(1), failed(2, OTHER, agent="reader")]))
    one, other = tracker.issues
    merge(tracker, one, [other])
    disk.keep(tracker.changes(NOW_US))
    tracker = Tracker(disk.load())
    disk.keep(look(tracker, [failed(1), failed(2, OTHER, agent="reader"), failed(3, OTHER)]))
    merged = only(tracker)
    assert (merged.issue_id, merged.sum.count) == (one, 3)
    assert merged.sum.agents == {"writer": 2, "reader": 1}

    back = split(tracker, one, other, None, NOW_US)
    disk.keep(tracker.changes(NOW_US))

    assert back == other
    assert sorted(each.sum.count for each in tracker.issues.values()) == [1, 2]
    assert Tracker(disk.load()).issues == tracker.issues


def test_one_wording_can_be_an_issue_of_its_own_from_then_on() -> None:
    tracker = Tracker()
    words = ["the tool gave up on alpha today", "the tool gave up on beta today"]
    tools: dict[str, Any] = {"source": "tool", "tool": "search", "error_type": "ToolError"}
    look(tracker, [failed(n, words[n], **tools) for n in (0, 1)])
    issue = only(tracker)
    (pattern,) = tracker.patterns.values()
    assert pattern.template.text == "the tool gave up on <*> today"

    made = split(tracker, issue.issue_id, pattern.template.template_id, words[1], NOW_US)
    errors = [failed(n, words[n % 2], **tools) for n in range(4)]
    look(tracker, errors)

    assert tracker.issues[issue.issue_id].sum.count == 3
    assert (tracker.issues[made].sum.count, tracker.issues[made].title) == (
        1,
        "tool search: the tool gave up on beta today",
    )


def test_only_what_can_be_merged_and_split_is() -> None:
    tracker = Tracker()
    look(tracker, [failed(1), failed(2, NO_KEY)])
    one, other = tracker.issues

    for refused in (
        lambda: merge(tracker, one, [other]),
        lambda: merge(tracker, one, [one]),
        lambda: merge(tracker, one, ["nonesuch"]),
        lambda: split(tracker, one, one, None, NOW_US),
        lambda: split(tracker, one, other, None, NOW_US),
        lambda: split(tracker, one, one, "never said", NOW_US),
    ):
        with pytest.raises(SteeringError):
            refused()
    assert len(tracker.issues) == 2


def test_another_version_regroups_nothing() -> None:
    """What version 1 grouped stays as it is and goes on; what is new is grouped by version 2."""
    tracker, disk = Tracker(), Disk()
    disk.keep(look(tracker, [failed(1)]))
    (old,) = tracker.issues
    versions = {**VERSIONS, 2: lambda message: tokens_of("v2 " + message.lower())}

    tracker = Tracker(disk.load(), versions=versions)
    look(tracker, [failed(1), failed(2, ago=5), failed(3, NO_KEY, ago=5)])

    assert tracker.issues[old].sum.count == 2
    assert {one.template.version for one in tracker.patterns.values()} == {1, 2}


def test_room_is_bounded_and_what_is_over_goes_first() -> None:
    tracker = Tracker(terms=Terms(most_issues=3))
    look(tracker, [failed(n, provider=f"p{n}", ago=n + 1) for n in range(3)])
    newest = max(tracker.issues.values(), key=lambda one: one.sum.last_us)
    resolve(tracker, newest.issue_id, "ann", None, NOW_US)
    errors = [failed(n, provider=f"p{n}", ago=n + 1) for n in range(5)]

    look(tracker, errors)

    assert len(tracker.issues) == 3
    assert newest.issue_id not in tracker.issues
    assert len(tracker.patterns) == 3


def test_others_are_told_of_a_change_of_state_at_once_of_numbers_now_and_then() -> None:
    tracker = Tracker()
    look(tracker, [failed(1)])
    first = only(tracker).revision
    at = NOW + timedelta(seconds=30)
    look(tracker, [failed(1), failed(2)], at)
    waiting = only(tracker)
    at = NOW + timedelta(minutes=6)
    look(tracker, [failed(1), failed(2)], at)

    assert (waiting.revision, waiting.dirty) == (first, True)
    assert (only(tracker).revision, only(tracker).dirty) == (micros(at), False)
    assert replace(only(tracker), revision=0, dirty=False) == replace(
        waiting, revision=0, dirty=False
    )
