"""Rules that are SQL: what may be written, and what becomes of an answer."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.custom import Answer, CustomRuleError, custom_rules, findings_of

WRITTEN: dict[str, Any] = {
    "name": "night_spend",
    "sql": "SELECT agent, 1.5 AS cost_usd FROM llm_calls",
    "message": "{agent} spent {cost_usd} USD",
    "for": "5m",
}


def test_what_is_left_out_has_its_default() -> None:
    [rule] = custom_rules([WRITTEN])

    assert (rule.severity, rule.hold, rule.keep) == ("warning", timedelta(minutes=5), timedelta(0))
    assert custom_rules(None) == []


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param("x", "rules.custom: must be a list of rules, found 'x'", id="no list"),
        pytest.param([{**WRITTEN, "name": "Nope"}], "'Nope' is no name", id="a name"),
        pytest.param([{**WRITTEN, "name": "budget"}], "a rule budget already", id="a taken name"),
        pytest.param([WRITTEN, WRITTEN], "a rule night_spend already", id="twice"),
        pytest.param([{**WRITTEN, "for": "5x"}], "custom.0.for: '5x' is no duration", id="a span"),
        pytest.param([{**WRITTEN, "sev": 1}], "custom.0.sev: there is no such key", id="a key"),
        pytest.param([{**WRITTEN, "severity": "bad"}], "custom.0.severity: Input", id="a severity"),
        pytest.param([{"name": "x"}], "rules.custom.0.sql: is missing", id="a missing key"),
    ],
)
def test_mistakes_are_named(written: Any, says: str) -> None:
    with pytest.raises(CustomRuleError) as caught:
        custom_rules(written)

    assert says in "\n".join(caught.value.problems)


def answered(rows: list[list[Any]], *columns: str, texts: str = "", **more: Any) -> Any:
    [rule] = custom_rules([{**WRITTEN, "message": "{n} of it"}])
    return findings_of(rule, Answer(columns, texts.split(), rows, **more))


def test_each_row_is_a_finding() -> None:
    [rule] = custom_rules([WRITTEN])
    rows: list[list[Any]] = [["a1", "1.50"], [None, None]]

    found, fault = findings_of(rule, Answer(("agent", "cost_usd"), ("agent",), rows))

    assert fault is None
    assert [(one.agent, one.subject, one.headline) for one in found] == [
        ("a1", "a1", "a1 spent 1.50 USD"),
        (None, "None", "unknown spent unknown USD"),
    ]
    assert found[0].evidence == {"agent": "a1", "cost_usd": "1.50"}
    assert found[0].hold == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("columns", "texts", "row", "subject"),
    [
        (("n", "model", "kind"), "model kind", [1, "m", "k"], "m"),
        (("agent", "model", "n"), "agent model", ["a1", "m", 1], "a1|m"),
        (("agent", "subject", "n"), "agent", ["a1", 7, 1], "7"),
        (("ts", "n"), "", ["2026-11-23T14:00:00", 1], ""),
    ],
    ids=["the first text", "beside its agent", "its own", "one thing"],
)
def test_what_tells_rows_apart(
    columns: tuple[str, ...], texts: str, row: list[Any], subject: str
) -> None:
    [found], fault = answered([row], *columns, texts=texts)

    assert (found.subject, found.headline, fault) == (subject, "1 of it", None)


def test_rows_that_cannot_be_told_apart_are_a_fault() -> None:
    found, fault = answered([["a", 1], ["a", 2]], "model", "n", texts="model")

    assert [one.headline for one in found] == ["1 of it"]
    assert "two rows are of 'a'; SELECT a `subject`" in fault


def test_more_rows_than_anybody_reads_are_a_fault() -> None:
    rows = [[str(number), number] for number in range(100)]

    found, fault = answered(rows, "model", "n", texts="model", truncated=True)

    assert len(found) == 100
    assert "more than 100 rows" in fault


def test_a_message_that_names_no_column_is_a_fault() -> None:
    assert answered([[1]], "m") == ([], "the message has {n}, which is none of the columns m")


def test_a_message_reaches_no_further_than_its_columns() -> None:
    [rule] = custom_rules([{**WRITTEN, "message": "{n.__class__} {n} {}"}])

    [found], _ = findings_of(rule, Answer(("n",), (), [[1234.56789]]))

    assert found.headline == "{n.__class__} 1,234.5679 {}"
