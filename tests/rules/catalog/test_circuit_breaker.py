"""The rule that tells of breakers: who, why, until when, and what failed behind them."""

from datetime import timedelta
from typing import Any

from manager_agent.rules.catalog.circuit_breaker import CircuitBreaker
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

FAMILY = {
    "key": "openai/gpt-4o",
    "provider": "openai",
    "family": "gpt-4o",
    "state": "open",
    "reason": "5 failures in a row",
    "since": NOW,
    "until": NOW + timedelta(minutes=5),
    "openings": 1,
    "failures": 0,
}
CALL = {"ts": NOW, "provider": "openai", "model": "gpt-4o-2024-08-06", "status": "error"}


def found(row: dict[str, Any], *calls: dict[str, Any]) -> list[Finding]:
    return list(CircuitBreaker().find(frames(breakers=[row], calls=calls), NOW))


def test_an_open_breaker_of_a_family_names_who_shares_it_and_the_last_error() -> None:
    (one,) = found(
        FAMILY,
        {**CALL, "agent": "a", "error_message": "first"},
        {**CALL, "agent": "b", "error_message": "last"},
        {**CALL, "agent": "c", "model": "gpt-4o-mini", "error_message": "of another family"},
        {**CALL, "agent": "d", "status": "ok"},
    )

    assert (one.subject, one.agent, one.severity) == ("openai/gpt-4o", None, "critical")
    assert one.headline == (
        "The breaker of openai's gpt-4o is open: 5 failures in a row; calls are refused until"
        " 14:35:00 UTC"
    )
    assert one.evidence["agents"] == "a, b"
    assert one.evidence["last_error"] == "last"
    assert {(each.rule, each.agents) for each in one.mutes if each.agents} == {
        ("error_burst", ("a", "b")),
        ("success_rate", ("a", "b")),
    }


def test_half_open_is_the_same_alert_and_closed_is_none() -> None:
    (half,) = found({**FAMILY, "state": "half_open", "until": None})

    assert half.subject == "openai/gpt-4o"
    assert "is half open" in half.headline
    assert not found({**FAMILY, "state": "closed"})


def test_one_that_people_hold_is_told_for_information() -> None:
    row = {"key": "a", "agent": "a", "state": "open", "reason": "a deploy", "held_by": "ann"}
    (one,) = found({**row, "openings": 0, "failures": 0})

    assert (one.agent, one.severity) == ("a", "info")
    assert "held by ann: a deploy" in one.headline


def test_of_a_family_it_says_since_when_and_explains_the_same_told_otherwise() -> None:
    early = {**CALL, "ts": NOW - timedelta(minutes=2)}
    (one,) = found(
        FAMILY,
        {**early, "agent": "a", "error_type": "503"},
        {**CALL, "agent": "b", "error_type": "503"},
        {**CALL, "agent": "b", "error_type": "APITimeoutError"},
    )

    assert one.evidence["first_error"] == (NOW - timedelta(minutes=2)).isoformat(timespec="seconds")
    assert one.evidence["error_types"] == "503 x2, APITimeoutError x1"
    by_rule = {each.rule: dict(each.facts) for each in one.mutes if each.facts}
    assert by_rule == {
        "failure_pattern": {"provider": "openai", "models": "gpt-4o", "kind": "connection"},
        "error_issue": {"provider": "openai", "family": "gpt-4o", "kind": "connection"},
    }


def test_an_agents_breaker_explains_no_providers_trouble() -> None:
    (one,) = found({**FAMILY, "key": "a", "agent": "a", "provider": None, "family": None})
    held = found({**FAMILY, "held_by": "ann"})[0]

    assert {each.rule for each in (*one.mutes, *held.mutes)} == {"error_burst", "success_rate"}
