"""Matchers are written as amtool has them, and never take long."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from manager_agent.rules.finding import Finding
from manager_agent.rules.silence import Silence, matcher, silencing

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
FINDING = Finding(
    rule="budget",
    subject="s",
    agent="research-agent",
    severity="warning",
    title="t",
    headline="h",
    evidence={},
)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("rule=budget", True),
        ("rule=budge", False),
        ("rule!=budget", False),
        ("agent=res*", True),
        ("agent=resear?h-agent", True),
        ("agent=res", False),
        ("agent=~res.*", True),
        ("agent=~res", False),
        ("agent=~x|research-agent", True),
        ("agent!~res.*", False),
        (" agent = 'research-agent' ", True),
        ("severity=~warning|critical", True),
        ("agent=research.agent", False),
        ("agent=", False),
    ],
)
def test_what_a_matcher_means(text: str, fits: bool) -> None:
    assert matcher(text).fits(FINDING) == fits


def test_an_alert_of_no_agent_has_an_empty_one() -> None:
    nobody = replace(FINDING, agent=None)

    assert matcher("agent=").fits(nobody)
    assert matcher("agent!=a").fits(nobody)
    assert not matcher("agent=?*").fits(nobody)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("budget", "is no matcher; write one such as rule=budget"),
        ("agnt=x", "there is no 'agnt'; rule, agent and severity"),
        ("severity=bad", "a severity is one of info, warning, critical"),
        ("agent=~(", "is no regular expression (RE2): unclosed group"),
        ("agent=~a)|(b", "is no regular expression (RE2): unopened group"),
        (f"agent={'x' * 201}", "at most 200 printable characters"),
        ("agent=a\x00", "printable"),
    ],
)
def test_what_is_no_matcher_says_what_is(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        matcher(text)


def test_what_is_written_reads_back() -> None:
    for text in ("rule=budget", "agent!~a|b", "severity!=info", "agent="):
        assert matcher(matcher(text).text) == matcher(text)


def test_no_expression_takes_long() -> None:
    """`re` would not end: this is tried at every look."""
    began = time.process_time()

    assert not matcher("agent=~(a+)+b").fits(replace(FINDING, agent="a" * 200))

    assert time.process_time() - began < 1


def test_it_holds_from_its_beginning_to_before_its_end() -> None:
    one = Silence("s", (matcher("rule=budget"),), NOW, NOW + timedelta(hours=1), "ann", "why", NOW)
    later = replace(one, id="later", ends=NOW + timedelta(hours=2))

    assert one.state(NOW - timedelta(microseconds=1)) == "pending"
    assert one.state(NOW) == "active"
    assert one.state(NOW + timedelta(hours=1)) == "expired"
    assert silencing([one, later], FINDING) == "later"
    assert silencing([one], replace(FINDING, rule="loop")) == ""
