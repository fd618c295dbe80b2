"""Amounts of money in headlines and facts."""

import pytest

from manager_agent.rules.amounts import counted, dollars, usd_text


@pytest.mark.parametrize(
    ("nano", "headline", "fact"),
    [
        pytest.param(0, "$0.00", "0.00", id="nothing"),
        pytest.param(420_000_000, "$0.42", "0.42", id="cents"),
        pytest.param(1_000_000_000, "$1.00", "1.00", id="a dollar"),
        pytest.param(1_234_567_890_123, "$1,234.57", "1234.567890123", id="thousands"),
        pytest.param(4_213_000, "$0.00421", "0.004213", id="less than a cent"),
        pytest.param(1, "$0.000000001", "0.000000001", id="a nano-dollar"),
        pytest.param(999_999_999, "$1.00", "0.999999999", id="nearly a dollar"),
        pytest.param(-1_500_000_000, "-$1.50", "-1.50", id="a correction"),
    ],
)
def test_usd(nano: int, headline: str, fact: str) -> None:
    assert dollars(nano) == headline
    assert usd_text(nano) == fact


@pytest.mark.parametrize(("count", "text"), [(1, "1 call"), (0, "0 calls"), (1200, "1,200 calls")])
def test_counts(count: int, text: str) -> None:
    assert counted(count, "call") == text
