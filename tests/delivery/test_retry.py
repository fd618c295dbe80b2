"""When a failed message is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.delivery.notifier import Failed
from manager_agent.delivery.retry import Again, GiveUp, backoff_seconds, decide

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        pytest.param(1, 1, id="a second after the first failure"),
        pytest.param(2, 2, id="twice as long after the second"),
        pytest.param(5, 16, id="doubling on"),
        pytest.param(9, 256, id="the last step below the bound"),
        pytest.param(10, 300, id="bounded by five minutes"),
        pytest.param(10_000, 300, id="still tried after ten thousand failures"),
    ],
)
def test_backoff(attempts: int, seconds: int) -> None:
    again = decide(attempts, Failed("HTTP 500", permanent=False), NOW)

    assert again == Again(NOW + timedelta(seconds=seconds), "backoff")


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param(30.0, 30, id="as long as asked"),
        pytest.param(900.0, 900, id="also beyond our own bound"),
        pytest.param(0.0, 1, id="never at once"),
        pytest.param(1e300, 3600, id="an absurd number may not silence alerts"),
    ],
)
def test_retry_after_is_honoured(asked: float, seconds: int) -> None:
    again = decide(7, Failed("HTTP 429", False, retry_after_seconds=asked), NOW)

    assert again == Again(NOW + timedelta(seconds=seconds), "asked")


def test_permanent_failures_are_given_up_with_their_reason() -> None:
    assert decide(1, Failed("no_service", permanent=True), NOW) == GiveUp("no_service")


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_waits_never_shrink_nor_pass_the_bound(attempts: int) -> None:
    assert 1 <= backoff_seconds(attempts) <= backoff_seconds(attempts + 1) <= 300
