"""What hours normally cost: series with a rhythm, told up to a Monday at half past two."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from manager_agent.analytics.baseline import baselines, of_lines
from manager_agent.analytics.cells import hour_of
from manager_agent.analytics.frames import BASELINES, HOURS
from manager_agent.analytics.lines import HISTORY, Lines

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
PRESENT = NOW.replace(minute=0)
UTC_ZONE = ZoneInfo("UTC")
DOLLAR = 10**9
Cost = Callable[[datetime], float]


def history(weeks: float, cost: Cost, agent: str = "a1", model: str = "m") -> pl.DataFrame:
    """Return the hours before the present one; `cost` gives USD, 0 is an hour without calls."""
    hours = (PRESENT - timedelta(hours=back) for back in range(1, int(weeks * 168) + 1))
    rows: list[dict[str, Any]] = [
        {"ts": ts, "agent": agent, "provider": "p", "model": model, "cost": round(usd * DOLLAR)}
        for ts in hours
        if (usd := cost(ts))
    ]
    return pl.DataFrame(rows, schema=HOURS)


def office(ts: datetime) -> float:
    """Return ten dollars in working hours, one at other times, with a tenth of noise."""
    noise = 1 + 0.1 * (Random(ts.isoformat()).random() - 0.5)
    return noise * (10 if ts.weekday() < 5 and 8 <= ts.hour < 18 else 1)


def normal(table: pl.DataFrame, at: datetime = PRESENT, model: str | None = None) -> dict[str, Any]:
    found = baselines(table, NOW, UTC_ZONE).filter(
        (pl.col("ts") == at) & pl.col("model").eq_missing(pl.lit(model))
    )
    assert found.height == 1
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("weeks", "basis"),
    [
        pytest.param(5.0, "week", id="five weeks: the hour of the week"),
        pytest.param(1.5, "day", id="ten days: the hour of the day"),
        pytest.param(0.4, "low", id="under three days: low history"),
    ],
)
def test_the_basis_follows_the_history(weeks: float, basis: str) -> None:
    found = normal(history(weeks, office))

    assert found["basis"] == basis
    if basis != "low":
        assert found["expected"] == pytest.approx(10 * DOLLAR, rel=0.1)
        assert 0.1 <= found["scale"] < 0.2


def test_a_monday_morning_is_compared_with_working_days() -> None:
    """Ten days that hold a weekend: the first hours of Monday are not compared with Sunday's."""
    found = normal(history(1.5, office), PRESENT - timedelta(hours=5))

    assert found["expected"] == pytest.approx(10 * DOLLAR, rel=0.1)


def test_yesterdays_spike_leaves_the_baseline_and_a_new_level_enters_it() -> None:
    spike = PRESENT - timedelta(days=7)
    deploy = PRESENT - timedelta(hours=40)

    once = normal(history(5, lambda ts: 80 * office(ts) if ts == spike else office(ts)))
    since = normal(history(5, lambda ts: (2 if ts >= deploy else 1) * office(ts)))

    assert once["expected"] == pytest.approx(10 * DOLLAR, rel=0.1)
    assert once["scale"] < 0.2, "one hour does not widen what is normal"
    assert since["expected"] == pytest.approx(20 * DOLLAR, rel=0.1)


def test_what_rested_is_expected_back() -> None:
    holidays = PRESENT - timedelta(days=4)

    found = normal(history(5, lambda ts: 0 if ts >= holidays else office(ts)))

    assert found["expected"] == pytest.approx(10 * DOLLAR, rel=0.1)


@pytest.mark.parametrize(
    ("weeks", "job", "usd"),
    [
        pytest.param(1.2, lambda ts: ts == PRESENT - timedelta(days=7), 50, id="a week ago"),
        pytest.param(1.2, lambda ts: ts.hour == 14 and ts.day in (19, 20), 50, id="two days"),
        pytest.param(
            1.2, lambda ts: ts.hour == 14 and ts.day >= 21, 0, id="a weekend, and this is a Monday"
        ),
        pytest.param(1.2, lambda ts: ts == PRESENT - timedelta(hours=31), 0, id="at another time"),
    ],
)
def test_what_recurs_has_a_precedent(
    weeks: float, job: Callable[[datetime], bool], usd: int
) -> None:
    found = normal(history(weeks, lambda ts: 50 if job(ts) else 1))

    assert found["precedent"] >= usd * DOLLAR * 0.99
    assert usd or found["precedent"] < 2 * DOLLAR


def test_idle_hours_are_compared_with_hours_that_had_calls() -> None:
    """An agent that works now and then: whichever hour it works in."""
    found = normal(history(5, lambda ts: office(ts) if ts.hour in (3, 9) else 0))

    assert found["basis"] == "idle"
    assert DOLLAR * 0.9 <= found["expected"] <= DOLLAR * 11


def test_several_models_have_a_row_each_and_one_together() -> None:
    table = pl.concat([history(5, office), history(5, lambda ts: 2 * office(ts), model="n")])

    assert normal(table, model="n")["expected"] == pytest.approx(20 * DOLLAR, rel=0.1)
    assert normal(table)["expected"] == pytest.approx(30 * DOLLAR, rel=0.1)
    only = baselines(history(5, office), NOW, UTC_ZONE)
    assert only["model"].null_count() == only.height


def test_heavy_tails_widen_the_scale() -> None:
    def tailed(ts: datetime) -> float:
        return (6 if Random(ts.isoformat()).random() < 0.04 else 1) * office(ts)

    assert normal(history(5, tailed))["scale"] > 0.45


def test_a_spike_of_hours_widens_nothing_and_the_next_one_is_told_as_well() -> None:
    spike = [PRESENT - timedelta(days=5, hours=n) for n in range(6)]

    found = normal(history(5, lambda ts: 10 * office(ts) if ts in spike else office(ts)))

    assert found["scale"] < 0.2


def test_what_falls_all_the_time_is_compared_with_where_it_is() -> None:
    def falling(ts: datetime) -> float:
        return float(office(ts) * 0.98 ** ((ts - PRESENT).total_seconds() / 86_400))

    found = normal(history(5, falling))

    assert found["expected"] == pytest.approx(10 * DOLLAR, rel=0.15)
    assert found["scale"] < 0.2, "it grows no wider by falling"


def test_a_mondays_job_is_kept_and_what_chance_made_of_five_mondays_is_not() -> None:
    def stray(ts: datetime) -> float:
        job = 5 if ts.weekday() == 0 and ts.hour == 14 else 1
        return job * 10 * exp(Random(ts.isoformat()).gauss(0, 0.3))

    table = history(5, stray)
    later = [normal(table, PRESENT + timedelta(hours=n))["expected"] for n in range(3, 15)]

    assert normal(table)["expected"] == pytest.approx(50 * DOLLAR, rel=0.35)
    assert sum(abs(one / DOLLAR - 10) for one in later) / len(later) < 1.5


def test_bursts_without_a_rhythm_are_compared_with_hours_that_had_calls() -> None:
    def bursty(ts: datetime) -> float:
        random = Random(ts.isoformat())
        return random.expovariate(0.2) if random.random() < 0.4 else 0

    found = normal(history(3.2, bursty))

    assert found["basis"] == "idle"
    assert found["expected"] == pytest.approx(3.5 * DOLLAR, rel=0.35)
    assert 6 < exp(3.5 * found["scale"]) < 25, "the tail of counts is short: 12 medians"


def test_rows_of_the_present_hour_and_later_change_nothing() -> None:
    table = history(5, office)
    later = history(0.02, office).with_columns(pl.lit(PRESENT).alias("ts"))

    assert baselines(pl.concat([table, later]), NOW, UTC_ZONE).equals(
        baselines(table, NOW, UTC_ZONE)
    )


def test_nothing_is_normal_of_nothing() -> None:
    assert baselines(pl.DataFrame(schema=HOURS), NOW, UTC_ZONE).schema == BASELINES


def test_hours_that_come_one_after_the_other_say_what_all_of_them_say_together() -> None:
    """An agent that is gone, one that is new, models that come and go; and an hour corrected."""
    parts = [
        history(7, office, "a", "m1").filter(pl.col("ts") < PRESENT - timedelta(weeks=6, hours=-2)),
        history(7, office, "b", "m1"),
        history(2, office, "b", "m2"),
        history(0.05, office, "c"),
    ]
    table = pl.concat(parts)
    present = hour_of(NOW)

    def of(first: int, end: int) -> pl.DataFrame:
        hour = pl.col("ts").dt.epoch("s") // 3600
        return table.filter((hour >= first) & (hour < end))

    begun = present - 3
    lines = Lines().with_usage(of(begun - HISTORY, begun))
    for hour in range(begun, present):
        lines = lines.without([hour - HISTORY]).with_usage(of(hour, hour + 1))
    lines = lines.without([present - 200]).with_usage(of(present - 200, present - 199))

    found = of_lines(lines, present, UTC_ZONE)
    assert found.equals(baselines(table, NOW, UTC_ZONE))
    assert found["agent"].unique().sort().to_list() == ["b", "c"]


def test_the_hour_before_the_first_is_no_precedent() -> None:
    """Neighbours count of hours that there were: nothing was an hour before an agent began."""
    first = PRESENT - timedelta(days=6) + timedelta(hours=1)
    high = {first, PRESENT - timedelta(days=3, hours=-1)}
    table = history(1, lambda ts: (50 if ts in high else 1) if ts >= first else 0)

    assert normal(table)["precedent"] < 2 * DOLLAR


@pytest.mark.parametrize(
    ("batches", "usd"),
    [
        pytest.param((29, 101), 20, id="of two on two days the smaller, at any hour"),
        pytest.param((29, 101, 260), 30, id="of three the second largest"),
        pytest.param((29,), 2, id="one batch is none that recurs"),
        pytest.param((29, 30, 31), 2, id="nor is one that took hours"),
        pytest.param((2, 3, 9), 2, id="nor one of today, that goes on"),
        pytest.param((29, 15 * 24), 2, id="three weeks ago is forgotten"),
    ],
)
def test_who_keeps_no_hours_has_precedents_at_any_hour(batches: tuple[int, ...], usd: int) -> None:
    """A dollar or two now and then, by chance; `batches`: hours ago, the later the larger."""
    back = {PRESENT - timedelta(hours=n): 20 + 10 * k for k, n in enumerate(batches)}

    def cost(ts: datetime) -> float:
        random = Random(ts.isoformat())
        return back.get(ts, 1 + random.random() if random.random() < 0.4 else 0)

    found = normal(history(3.2, cost))

    assert found["basis"] == "idle"
    assert usd / 2 < found["precedent"] / DOLLAR <= usd
