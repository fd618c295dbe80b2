"""A fact in words, told by the suffix of its key."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manager_agent.delivery.facts import Field, dollars, field
from manager_agent.rules.message import Fact


@pytest.mark.parametrize(
    ("key", "fact", "label", "value"),
    [
        pytest.param("spent_usd", "0.42", "Spent", "$0.42", id="cents"),
        pytest.param("spent_usd", "0.400000000", "Spent", "$0.40", id="no idle zeros"),
        pytest.param("spent_usd", "0.4049", "Spent", "$0.4049", id="a hair over the limit shows"),
        pytest.param("spent_usd", "0.000000123", "Spent", "$0.00000012", id="never a false zero"),
        pytest.param("spent_usd", "1234567.891", "Spent", "$1,234,567.89", id="thousands"),
        pytest.param("change_usd", "-3.5", "Change", "-$3.50", id="less than nothing"),
        pytest.param("spent_usd", "0", "Spent", "$0.00", id="nothing"),
        pytest.param("spent_usd", None, "Spent", "unknown", id="unknown is never zero"),
        pytest.param("spent_usd", "about 3", "Spent", "about 3", id="no amount: as it is"),
        pytest.param("spent_usd", "1e99999", "Spent", "1e99999", id="an absurd amount: as it is"),
        pytest.param("spent_usd", "NaN", "Spent", "NaN", id="not a number: as it is"),
        pytest.param("spent_tokens", 1234567, "Tokens used", "1,234,567", id="tokens"),
        pytest.param("percent", 83, "Used", "83 %", id="below the limit"),
        pytest.param("percent", 100, "Used", "100 %", id="at the limit"),
        pytest.param("percent", "105.2", "Used", "105 % (5 % over)", id="how far over"),
        pytest.param("priority", 1, "Priority", "1 (critical)", id="priority in words"),
        pytest.param("streaming", True, "Streaming", "yes", id="yes"),
        pytest.param("wait_seconds", 2.5, "Wait", "2.5 s", id="seconds"),
        pytest.param("note", "a\x1b[2Jb", "Note", "ab", id="somebody else's text is cleaned"),
        pytest.param("note", "", "Note", "unknown", id="empty"),
        pytest.param("resets_at", "tomorrow", "Resets", "tomorrow", id="no time: as it is"),
    ],
)
def test_field(key: str, fact: Fact, label: str, value: str) -> None:
    assert field(key, fact) == Field(label, value)


def test_times_are_shown_in_utc_and_kept() -> None:
    shown = field("resets_at", "2026-11-24T00:00:00+01:00")

    assert shown.value == "2026-11-23 23:00 UTC"
    assert shown.at is not None
    assert shown.at.isoformat() == "2026-11-24T00:00:00+01:00"


def test_names_are_shown_as_they_are() -> None:
    assert field("agent", "a_b").code


@settings(deadline=None)
@given(st.decimals(min_value="0.000000001", max_value="1000000", places=9))
def test_an_amount_that_is_not_nothing_never_looks_like_nothing(amount: object) -> None:
    assert any(digit in dollars(str(amount)) for digit in "123456789")


@example("spent_tokens", 10**5000)
@settings(deadline=None)
@given(st.text(max_size=20), st.none() | st.booleans() | st.integers() | st.floats() | st.text())
def test_any_fact_has_words(key: str, fact: Fact) -> None:
    shown = field(key, fact)

    assert shown.label
    assert 1 <= len(shown.value) <= 200
