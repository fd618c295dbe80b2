"""Which calls are looked at, where not all are, and what that says of the rest."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from manager_agent.analytics.savings.estimate import FOUND, SPENT, estimated
from manager_agent.analytics.savings.stretches import HOUR, plan

START = datetime(2026, 11, 1)
HOURS = [(START + n * HOUR, 1000) for n in range(240)]
SINCE, UNTIL = START + timedelta(minutes=20), START + 240 * HOUR - timedelta(minutes=10)


def test_all_of_it_is_looked_at_where_it_is_not_too_much() -> None:
    found = plan(HOURS, SINCE, UNTIL, most=240_000, at_once=24_000)

    inside = sorted(found.stretches, key=lambda one: one.start)
    assert found.exact
    assert (inside[0].start, inside[-1].end) == (SINCE, UNTIL)
    assert [one.end for one in inside[:-1]] == [one.start for one in inside[1:]]
    assert max(one.calls for one in inside) <= 24_000


def test_a_sample_is_spread_over_the_range_and_no_larger_than_allowed() -> None:
    found = plan(HOURS, SINCE, UNTIL, most=50_000, at_once=5_000)

    assert not found.exact
    assert 45_000 <= sum(one.calls for one in found.stretches) <= 50_000
    days = sorted((one.start - START).days for one in found.stretches)
    assert len(set(days)) >= 8
    assert all(one.start >= SINCE and one.end <= UNTIL for one in found.stretches)


def test_an_hour_of_too_many_calls_is_cut() -> None:
    found = plan([(START, 90_000)], START, START + HOUR, most=30_000, at_once=10_000)

    assert [one.end - one.start for one in found.stretches] == [HOUR / 9] * 3


@pytest.mark.parametrize(("second", "error"), [(50, 0.0), (0, 1.96), (None, 1.96)])
def test_a_sample_says_how_far_off_it_may_be(second: int | None, error: float) -> None:
    """Two stretches cost 100 each; of the first 50 are saved, of the other `second`."""
    of = {"agent": "a", "provider": "p", "model": None}
    saved = [50] if second is None else [50, second]
    rows = [
        {"stretch": n, "kind": "k", **of, "calls": 1, "cost": 100, "low": 10, "high": high}
        for n, high in enumerate(saved)
    ]
    rows += [
        {"stretch": n, "kind": None, **of, "calls": 2, "cost": 100, "low": 0, "high": 0}
        for n in range(2)
    ]
    found, spent = pl.DataFrame(rows, FOUND), pl.DataFrame([{**of, "cost": 1000}], SPENT)

    (told,) = estimated(found, spent).to_dicts()

    assert told["high"] == 5 * sum(saved)
    assert told["error"] == pytest.approx(error)
