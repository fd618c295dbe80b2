"""The arithmetic that measurements are read off: it may not flatter."""

import math

import pytest

from manager_agent.app.bench.figures import (
    Ack,
    latency,
    per_million,
    percentile,
    rate,
    slope,
    spans,
    within,
)


@pytest.mark.parametrize(
    ("number", "share", "found"),
    [
        (1, 0.5, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (100, 0.99, 99),
        (101, 0.99, 100),
        (1000, 0.999, 999),
        (10, 1.0, 10),
        (10, 0.0, 1),
        (50, 0.99, 50),
    ],
)
def test_a_percentile_is_a_reading_that_so_many_do_not_exceed(
    number: int, share: float, found: int
) -> None:
    readings = [float(each) for each in range(1, number + 1)]

    assert percentile(readings, share) == found
    assert sum(each <= found for each in readings) >= share * number


def test_of_nothing_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was acknowledged"):
        percentile([], 0.99)
    with pytest.raises(ValueError, match="nothing was acknowledged"):
        per_million(1.0, 0)
    with pytest.raises(ValueError, match="no rate"):
        rate(5, 0.0)
    with pytest.raises(ValueError, match="no slope"):
        slope([])
    with pytest.raises(ValueError, match="no slope"):
        slope([(1.0, 5.0), (1.0, 9.0)])


def test_one_slow_request_in_a_hundred_is_the_maximum_and_not_the_percentile() -> None:
    acks = [Ack(float(n), 0.010, 512, 320) for n in range(99)] + [Ack(99.0, 3.0, 512, 320)]

    found = latency(acks)

    assert (found.requests, found.p50_ms, found.p99_ms, found.max_ms) == (100, 10, 10, 3000)
    assert latency([*acks, Ack(100.0, 2.0, 512, 320)]).p99_ms == 2000


def test_what_came_back_before_and_after_the_window_does_not_count() -> None:
    acks = [Ack(at, 0.1, 10, 5) for at in (0.0, 0.9, 1.0, 1.5, 2.0, 7.0)]

    inside = within(acks, 1.0, 2.0)

    assert [ack.done for ack in inside] == [1.0, 1.5]
    assert rate(spans(inside), 1.0) == 20


def test_a_million_would_have_taken() -> None:
    assert per_million(2.0, 500_000) == 4.0


def test_the_slope_of_a_line_is_found_through_a_saw_tooth() -> None:
    line = [(float(at), 100 + 0.5 * at) for at in range(600)]
    saw = [(at, value + at % 60) for at, value in line]

    assert slope(line) == pytest.approx(0.5)
    assert slope(saw) == pytest.approx(0.5, abs=0.01)
    assert slope([(at, 7.0) for at, _ in line]) == 0
    assert math.isclose(slope([(0.0, 10.0), (10.0, 0.0)]), -1.0)
