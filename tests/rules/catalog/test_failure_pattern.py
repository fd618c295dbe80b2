"""The rule that names a provider once where several agents have the same trouble."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.failure_pattern import FailurePattern
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

OUTAGE = {"status": "error", "http_status": 529, "error_message": "Overloaded"}
BAD = {"status": "error", "http_status": 400, "error_message": "Invalid value: 'x'"}


def calls(agent: str, number: int, **values: Any) -> list[dict[str, Any]]:
    call = {
        "ts": NOW - timedelta(minutes=4),
        "agent": agent,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5-20250929",
        "status": "ok",
    }
    return [{**call, **values} for _ in range(number)]


def found(*rows: list[dict[str, Any]]) -> list[Finding]:
    return list(FailurePattern().find(frames(calls=[one for row in rows for one in row]), NOW))


def test_an_outage_is_one_finding_that_names_the_provider_and_who_shares_it() -> None:
    (one,) = found(calls("a", 6, **OUTAGE), calls("b", 5, **OUTAGE), calls("c", 20))

    assert (one.subject, one.agent) == ("anthropic|overloaded", None)
    assert one.evidence["agents"] == "a, b"
    assert one.evidence["models"] == "claude-sonnet-4-5"
    assert one.headline.startswith("11 of 11 calls to anthropic failed since 14:26 UTC:")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([calls("a", 11, **OUTAGE)], id="one agent's trouble is its own"),
        pytest.param([calls("a", 5, **OUTAGE), calls("b", 4, **OUTAGE)], id="too few"),
        pytest.param([calls("a", 6, **BAD), calls("b", 6, **BAD)], id="the callers' own mistakes"),
        pytest.param(
            [calls("a", 6, **OUTAGE), calls("b", 6, **OUTAGE), calls("a", 40)], id="a small share"
        ),
        pytest.param(
            [calls(x, 9, ts=NOW - timedelta(minutes=10), **OUTAGE) for x in "ab"], id="long ago"
        ),
        pytest.param([calls("a", 30), calls("b", 30)], id="all is well"),
    ],
)
def test_what_is_no_pattern(rows: list[list[dict[str, Any]]]) -> None:
    assert not found(*rows)


def test_it_explains_each_agents_burst_and_the_issue_of_its_kind() -> None:
    (one,) = found(calls("a", 6, **OUTAGE), calls("b", 5, **OUTAGE))
    by_rule = {each.rule: each for each in one.mutes}

    assert by_rule["error_burst"].agents == ("a", "b")
    assert by_rule["error_issue"].facts == {"provider": "anthropic", "kind": "overloaded"}


def test_it_names_types_of_errors_and_when_it_began() -> None:
    """What began before the minutes that are looked at is followed back, to where it was well."""

    def at(minute: int, **values: Any) -> list[dict[str, Any]]:
        return calls("a", 1, ts=NOW - timedelta(minutes=minute), **{**OUTAGE, **values})

    (one,) = found(
        *(at(minute) for minute in range(31, 3, -3)),
        at(50),
        at(30, http_status=429, error_message="Too many requests"),
        calls("a", 9, error_type="overloaded_error", **OUTAGE),
        calls("b", 9, **OUTAGE),
    )

    assert one.evidence["since"] == (NOW - timedelta(minutes=31)).isoformat(timespec="minutes")
    assert one.evidence["error_types"] == "529 x11, overloaded_error (529) x9"


def test_several_families_of_a_provider_explain_the_breaker_of_each() -> None:
    (one,) = found(calls("a", 6, **OUTAGE), calls("b", 5, model="claude-haiku-4-5", **OUTAGE))
    alone = found(calls("a", 6, **OUTAGE), calls("b", 6, **OUTAGE))[0]

    (breaker,) = [each for each in one.mutes if each.rule == "circuit_breaker"]
    assert breaker.facts == {"provider": "anthropic"}
    assert "circuit_breaker" not in [each.rule for each in alone.mutes], "its breaker explains it"
