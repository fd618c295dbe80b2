"""Each period is told once: whatever clocks, time zones and restarts do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.app.reports.period import (
    Period,
    days_before,
    period,
    period_before,
    same_time_yesterday,
)
from manager_agent.app.reports.schedule import SETTLE, Plan, due, missed

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago")
PLAN = Plan(BERLIN)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def told(plan: Plan, moments: Sequence[datetime], known: Sequence[str] = ()) -> list[Period]:
    """Return what a manager tells that looks at the clock at `moments`; its outbox is `known`."""
    keys, found = set(known), []
    for now in moments:
        for one in due(plan, now):
            if one.key not in keys:
                keys.add(one.key)
                found.append(one)
    return found


def every(step: timedelta, start: str, days: float) -> list[datetime]:
    first = utc(start)
    return [first + step * number for number in range(int(timedelta(days=days) / step))]


def names(found: Sequence[Period], kind: str) -> list[str]:
    return [one.name for one in found if one.kind == kind]


def test_a_week_is_told_hour_by_hour_day_by_day() -> None:
    found = told(PLAN, every(10 * MINUTE, "2026-11-23T00:05+01:00", 7))

    assert len(names(found, "hourly")) == 7 * 24
    assert names(found, "daily") == [f"2026-11-{day}" for day in range(22, 29)]
    assert names(found, "weekly") == ["2026-W47"]


@pytest.mark.parametrize(
    ("day", "hours", "twice"),
    [
        pytest.param("2026-03-29", 23, [], id="an hour is left out"),
        pytest.param(
            "2026-10-25",
            25,
            ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"],
            id="an hour comes twice",
        ),
        pytest.param("2026-11-25", 24, [], id="a plain day"),
    ],
)
def test_days_on_which_clocks_change(day: str, hours: int, twice: list[str]) -> None:
    this = period(
        "daily", datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=BERLIN), BERLIN, HOUR
    )
    moments = [this.start + SETTLE + 5 * MINUTE * number for number in range(1, 26 * 12)]
    of_the_day = [
        one
        for one in told(PLAN, moments)
        if one.kind == "hourly" and this.start <= one.start < this.end
    ]

    assert this.name == day
    assert this.end - this.start == hours * HOUR
    assert len({one.name for one in of_the_day}) == len(of_the_day) == hours
    assert sum((one.end - one.start for one in of_the_day), timedelta()) == hours * HOUR
    assert [one.name for one in of_the_day if one.name in twice] == twice


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-11-26T08:59+01:00", [], id="before the hour"),
        pytest.param("2026-11-26T09:00+01:00", ["2026-11-25"], id="at the hour"),
        pytest.param("2026-11-26T23:59+01:00", ["2026-11-25"], id="back on the same day"),
        pytest.param("2026-11-27T08:00+01:00", [], id="back on the next day, too early"),
    ],
)
def test_a_manager_that_was_down_tells_when_it_is_back(now: str, expected: list[str]) -> None:
    assert names(told(PLAN, [utc(now)]), "daily") == expected


def test_three_days_down_are_one_report_that_says_so() -> None:
    known = ["report:daily:2026-11-21", "report:daily:2026-11-22"]
    [found] = [
        one for one in told(PLAN, [utc("2026-11-26T14:00+01:00")], known) if one.kind == "daily"
    ]

    assert found.name == "2026-11-25"
    assert [one.name for one in missed(found, known, PLAN)] == ["2026-11-23", "2026-11-24"]
    assert missed(found, [*known, "report:daily:2026-11-24"], PLAN) == []
    assert missed(found, [], PLAN) == []


def test_the_week_is_told_on_monday_or_later_in_the_week() -> None:
    assert names(told(PLAN, [utc("2026-11-23T08:59+01:00")]), "weekly") == []
    assert names(told(PLAN, [utc("2026-11-23T09:00+01:00")]), "weekly") == ["2026-W47"]
    assert names(told(PLAN, [utc("2026-11-28T04:00+01:00")]), "weekly") == ["2026-W47"]


def test_at_midnight_the_last_calls_of_the_day_are_waited_for() -> None:
    plan = Plan(BERLIN, hour=0)

    assert names(told(plan, [utc("2026-11-26T00:00:59+01:00")]), "daily") == []
    assert names(told(plan, [utc("2026-11-26T00:01+01:00")]), "daily") == ["2026-11-25"]


def test_an_hour_that_the_clock_leaves_out_is_the_next_one() -> None:
    plan = Plan(BERLIN, hour=2)  # there is no 02:00 on this day

    assert names(told(plan, [utc("2026-03-29T01:59+01:00")]), "daily") == []
    assert names(told(plan, [utc("2026-03-29T03:00+02:00")]), "daily") == ["2026-03-28"]


def test_what_is_switched_off_is_not_told() -> None:
    plan = Plan(BERLIN, kinds=frozenset({"issues"}))

    assert [one.kind for one in told(plan, every(HOUR, "2026-11-25T00:30+01:00", 1))] == ["issues"]


moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
jumps = st.lists(st.integers(-3 * 24 * 60, 3 * 24 * 60).map(lambda m: m * MINUTE), max_size=4)
plans = st.builds(
    Plan,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    interval=st.sampled_from([5, 15, 45, 60, 90, 1440, 2880]).map(lambda m: m * MINUTE),
    hour=st.integers(0, 23),
    kinds=st.just(frozenset({"hourly", "daily", "weekly", "issues"})),
)


@settings(max_examples=40)
@given(plan=plans, start=moments, steps=jumps)
def test_no_period_is_told_twice_however_the_clock_jumps(
    plan: Plan, start: datetime, steps: list[timedelta]
) -> None:
    looked, now = [], start
    for jump in [timedelta(), *steps]:
        now += jump
        looked += [now + 23 * MINUTE * number for number in range(12)]
        now = looked[-1]

    found = told(plan, looked)

    assert len({one.key for one in found}) == len(found)
    for one in found:  # nothing is told before it is over
        assert one.start < one.end <= max(looked)


@settings(max_examples=60)
@given(plan=plans, at=moments)
def test_periods_tile_time_and_have_names_of_their_own(plan: Plan, at: datetime) -> None:
    for kind in ("hourly", "daily", "weekly"):
        this = period(kind, at, plan.zone, plan.interval)
        before = period_before(kind, at, plan.zone, plan.interval)

        assert this.start <= at < this.end
        assert before.end == this.start
        assert before.name != this.name
        assert period(kind, this.start, plan.zone, plan.interval) == this


@settings(max_examples=15)
@given(plan=plans, start=moments, late=st.integers(0, 600))
def test_every_day_is_told_by_a_manager_that_runs(plan: Plan, start: datetime, late: int) -> None:
    daily = replace(plan, kinds=frozenset({"daily"}))
    looked = [start + timedelta(seconds=late) + 30 * MINUTE * number for number in range(48 * 5)]

    days = [one for one in told(daily, looked)]

    assert len(days) >= 4
    for one, following in pairwise(days):
        assert one.end == following.start


def test_the_days_before_an_end_are_whole_but_for_the_last() -> None:
    days = days_before(utc("2026-10-26T12:00+01:00"), 3, BERLIN)

    assert [day.end - day.start for day in days] == [24 * HOUR, 25 * HOUR, 12 * HOUR]


@pytest.mark.parametrize(
    ("at", "start"),
    [
        pytest.param("2026-11-25T14:30+01:00", "2026-11-24T14:00+01:00", id="a plain day"),
        pytest.param("2026-03-29T14:30+02:00", "2026-03-28T14:00+01:00", id="23 hours before"),
        pytest.param("2026-10-25T14:30+01:00", "2026-10-24T14:00+02:00", id="25 hours before"),
        pytest.param("2026-10-25T02:30+01:00", "2026-10-24T02:00+02:00", id="the repeated hour"),
    ],
)
def test_the_same_hour_yesterday_is_by_the_clock(at: str, start: str) -> None:
    found = same_time_yesterday(period("hourly", utc(at), BERLIN, HOUR), BERLIN)

    assert found == (utc(start), utc(start) + HOUR)
