"""A limit holds in each calendar window of its zone, whatever the clocks do there.

The windows that are expected are written down here, moment by moment, not computed.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from manager_agent.contract.budget import Limits
from manager_agent.contract.guard import Bye
from manager_agent.contract.window import Period
from manager_agent.control.book import micros
from tests.control.desk import Desk, policy

LIMIT = 5


def desk(period: Period, zone: str, **limits: int) -> Desk:
    named = {"hour": "hourly", "day": "daily", "month": "monthly"}
    limits = limits or {f"{named[period]}_token_limit": LIMIT}
    found = policy(a=Limits(**limits))  # type: ignore[arg-type]
    return Desk(replace(found, zone=ZoneInfo(zone)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spend_all(at: Desk, number: int) -> int:
    """Make calls of one token until one is refused, in a process of its own; return how many."""
    holder, spent, lease = f"h{number}", 0, 0
    at.hello(holder)
    while True:
        grant = at.report(holder, lease=lease, settled_total=spent, need=1)
        if grant.verdict != "ok" or grant.granted_total <= spent:
            at.tell(Bye(holder))
            return spent
        lease, spent = grant.lease, spent + 1


# Moments (UTC) at which windows begin and end, in order.
WINDOWS = [
    pytest.param(
        *("day", "Europe/Berlin", 30),
        ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00", "2026-03-30T22:00"],
        id="a day of 23 hours",
    ),
    pytest.param(
        *("day", "Europe/Berlin", 30),
        ["2026-10-23T22:00", "2026-10-24T22:00", "2026-10-25T23:00", "2026-10-26T23:00"],
        id="a day of 25 hours",
    ),
    pytest.param(
        *("hour", "Europe/Berlin", 5),
        ["2026-10-24T23:00", "2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
        id="an hour that the clock shows twice",
    ),
    pytest.param(
        *("hour", "Europe/Berlin", 5),
        ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"],
        id="an hour that the clock leaves out",
    ),
    pytest.param(
        *("hour", "Asia/Kolkata", 5),
        ["2026-11-26T10:30", "2026-11-26T11:30", "2026-11-26T12:30"],
        id="a zone of half an hour",
    ),
    pytest.param(
        *("hour", "Asia/Kathmandu", 5),
        ["2026-11-26T10:15", "2026-11-26T11:15", "2026-11-26T12:15"],
        id="a zone of three quarters",
    ),
    pytest.param(
        *("day", "Asia/Kolkata", 30),
        ["2026-12-30T18:30", "2026-12-31T18:30", "2027-01-01T18:30"],
        id="days of a zone of half an hour, at the end of a year",
    ),
    pytest.param(
        *("hour", "Australia/Lord_Howe", 5),
        ["2026-04-04T14:00", "2026-04-04T15:00", "2026-04-04T15:30", "2026-04-04T16:30"],
        id="a clock put back by half an hour",
    ),
    pytest.param(
        *("day", "Africa/Cairo", 30),
        ["2026-04-22T22:00", "2026-04-23T22:00", "2026-04-24T21:00"],
        id="a midnight that is left out",
    ),
    pytest.param(
        *("month", "UTC", 12 * 60),
        ["2028-01-01T00:00", "2028-02-01T00:00", "2028-03-01T00:00", "2028-04-01T00:00"],
        id="a February of 29 days",
    ),
    pytest.param(
        *("month", "America/New_York", 12 * 60),
        ["2026-10-01T04:00", "2026-11-01T04:00", "2026-12-01T05:00", "2027-01-01T05:00"],
        id="a month in which the clocks change",
    ),
]


@pytest.mark.parametrize(("period", "zone", "minutes", "bounds"), WINDOWS)
def test_a_runaway_spends_the_limit_once_in_each_window(
    period: Period, zone: str, minutes: int, bounds: list[str]
) -> None:
    """It tries every few minutes, and in the first and last moment of each window."""
    moments = [moment(text) for text in bounds]
    at, step = desk(period, zone), timedelta(minutes=minutes)
    number = 0
    for start, end in pairwise(moments):
        billed, now = 0, start
        while now < end:
            at.now = micros(now)
            billed += spend_all(at, number)
            number += 1
            now = min(now + step, end) if now != end - timedelta(seconds=1) else end
            if now == end and at.now != micros(end - timedelta(seconds=1)):
                now = end - timedelta(seconds=1)
        assert billed == LIMIT, f"{billed} between {start} and {end}"


@pytest.mark.parametrize(("period", "zone", "minutes", "bounds"), WINDOWS)
def test_a_call_is_billed_to_the_window_it_was_reserved_in(
    period: Period, zone: str, minutes: int, bounds: list[str]
) -> None:
    """It begins in the last second of a window and ends in the next, which has all its money."""
    end = moment(bounds[1])
    at = desk(period, zone)
    at.now = micros(end - timedelta(seconds=1))
    at.hello("h1")
    late = at.report("h1", need=3)
    assert late.verdict == "ok"
    assert late.window_left_ms == 1000

    at.now = micros(end)
    fresh = at.report("h1", lease=late.lease, reserved_now=3, in_flight=1, need=LIMIT)
    assert (fresh.verdict, fresh.granted_total) == ("ok", LIMIT)
    assert fresh.lease != late.lease
    at.report("h1", lease=late.lease, settled_total=3)

    assert at.sums(period=period) == (0, 0, LIMIT)


def test_the_hour_is_over_and_the_day_goes_on() -> None:
    """A call over the end of an hour is booked in the day that both hours belong to."""
    at = desk("hour", "Asia/Kolkata", hourly_token_limit=LIMIT, daily_token_limit=LIMIT + 2)
    end = moment("2026-11-26T11:30")
    at.now = micros(end - timedelta(seconds=1))
    at.hello("h1")
    late = at.report("h1", need=LIMIT)
    at.now = micros(end)

    short = at.report("h1", lease=late.lease, settled_total=LIMIT, need=3)

    assert short.verdict == "exhausted"
    assert short.limit_name == "daily_token_limit of agent a"
    assert spend_all(at, 2) == 2
    assert at.sums(period="day")[0] == LIMIT + 2


def test_a_clock_that_goes_back_opens_no_window_again() -> None:
    at = desk("hour", "UTC")
    at.now = micros(moment("2026-11-26T11:59:59"))
    assert spend_all(at, 0) == LIMIT
    at.now = micros(moment("2026-11-26T12:00"))
    assert spend_all(at, 1) == LIMIT

    at.now = micros(moment("2026-11-26T11:59:59"))

    assert spend_all(at, 2) == 0
