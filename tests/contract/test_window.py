"""Calendar windows: they tile time in every zone, and clock changes do what people expect."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.contract.window import PERIODS, Period, Window, window, window_key

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
INSTANT = timedelta(microseconds=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
periods = st.sampled_from(PERIODS)
moments = st.datetimes(datetime(1915, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Moments (UTC) at which a clock was changed, and how.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),  # 02:00 -> 03:00
    ("Europe/Berlin", "2026-10-25T01:00"),  # 03:00 -> 02:00
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # 02:00 -> 01:30
    ("Australia/Lord_Howe", "2026-10-03T15:30"),  # 02:00 -> 02:30
    ("Africa/Cairo", "2026-04-23T22:00"),  # midnight -> 01:00
    ("America/Havana", "2026-11-01T05:00"),  # 01:00 -> midnight
    ("America/Santiago", "2026-04-05T03:00"),  # midnight -> 23:00
    ("America/St_Johns", "2006-10-29T02:31"),  # 00:01 -> 23:01 of the day before
    ("America/St_Johns", "2006-04-02T03:31"),  # 00:01 -> 01:01
    ("America/Toronto", "1919-03-31T04:30"),  # 23:30 -> 00:30 of the next day
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day is left out
    ("Pacific/Kwajalein", "1993-08-21T12:00"),  # another
]
near_changes = st.builds(
    lambda change, seconds: (utc(change[1]) + timedelta(seconds=seconds), ZoneInfo(change[0])),
    st.sampled_from(CHANGES),
    st.integers(-7200, 7200) | st.integers(-200_000, 200_000),
)
anywhere = st.tuples(moments, zones) | near_changes


@pytest.mark.parametrize(("zone", "moment"), CHANGES)
def test_the_changes_are_changes(zone: str, moment: str) -> None:
    before, after = utc(moment) - timedelta(seconds=1), utc(moment)

    offsets = [one.astimezone(ZoneInfo(zone)).utcoffset() for one in (before, after)]

    assert offsets[0] != offsets[1]


@settings(deadline=None)  # the machine may be busy
@given(periods, anywhere)
def test_a_window_holds_its_moment_and_touches_its_neighbours(
    period: Period, where: tuple[datetime, ZoneInfo]
) -> None:
    now, zone = where
    found = window(period, now, zone)

    assert found.start <= now < found.end
    assert window(period, found.start - INSTANT, zone).end == found.start
    assert window(period, found.end, zone).start == found.end


@settings(deadline=None)  # the machine may be busy
@given(periods, anywhere, st.floats(0, 0.999))
def test_every_moment_of_a_window_gives_the_same_window(
    period: Period, where: tuple[datetime, ZoneInfo], share: float
) -> None:
    now, zone = where
    found = window(period, now, zone)

    assert window(period, found.start, zone) == found
    assert window(period, found.end - INSTANT, zone) == found
    assert window(period, found.start + (found.end - found.start) * share, zone) == found


@settings(deadline=None)  # the machine may be busy
@given(anywhere)
def test_an_hour_shows_one_hour_on_the_wall_and_never_lasts_longer(
    where: tuple[datetime, ZoneInfo],
) -> None:
    now, zone = where
    found = window("hour", now, zone)
    first, last = found.start.astimezone(zone), (found.end - INSTANT).astimezone(zone)

    assert found.end - found.start <= timedelta(hours=1)
    assert (first.date(), first.hour) == (last.date(), last.hour)
    assert first.utcoffset() == last.utcoffset()


@settings(deadline=None)  # the machine may be busy
@given(anywhere)
def test_days_lie_within_months(where: tuple[datetime, ZoneInfo]) -> None:
    now, zone = where
    day, month = window("day", now, zone), window("month", now, zone)

    assert month.start <= day.start
    assert day.end <= month.end


@settings(deadline=None)  # the machine may be busy
@given(periods, moments, zones)
def test_the_same_moment_in_another_zone_changes_nothing(
    period: Period, now: datetime, zone: ZoneInfo
) -> None:
    assert window(period, now.astimezone(zone), zone) == window(period, now, zone)


@pytest.mark.parametrize(
    ("period", "now", "zone", "start", "end"),
    [
        pytest.param(
            "hour", "2026-11-23T14:59:59.999999", "UTC", "2026-11-23T14:00", "2026-11-23T15:00",
            id="an hour in UTC",
        ),
        pytest.param(
            "month", "2026-12-31T23:30", "UTC", "2026-12-01T00:00", "2027-01-01T00:00",
            id="December ends with the year",
        ),
        pytest.param(
            "hour", "2026-11-23T14:20", "Asia/Kolkata", "2026-11-23T13:30", "2026-11-23T14:30",
            id="an offset of half an hour",
        ),
        pytest.param(
            "hour", "2026-11-23T14:20", "Asia/Kathmandu", "2026-11-23T14:15", "2026-11-23T15:15",
            id="an offset of three quarters",
        ),
        pytest.param(
            "day", "2026-11-23T03:00", "America/New_York", "2026-11-22T05:00", "2026-11-23T05:00",
            id="still yesterday in New York",
        ),
        pytest.param(
            "day", "2026-03-29T12:00", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00",
            id="spring: a day of 23 hours",
        ),
        pytest.param(
            "day", "2026-10-25T12:00", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00",
            id="autumn: a day of 25 hours",
        ),
        pytest.param(
            "hour", "2026-10-25T00:30", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T01:00",
            id="autumn: the first 02:00 is an hour",
        ),
        pytest.param(
            "hour", "2026-10-25T01:30", "Europe/Berlin", "2026-10-25T01:00", "2026-10-25T02:00",
            id="autumn: the second 02:00 is another",
        ),
        pytest.param(
            "hour", "2026-04-04T15:10", "Australia/Lord_Howe",
            "2026-04-04T15:00", "2026-04-04T15:30",
            id="a clock put back by half an hour cuts the hour",
        ),
        pytest.param(
            "day", "2026-04-24T12:00", "Africa/Cairo", "2026-04-23T22:00", "2026-04-24T21:00",
            id="a midnight that is skipped: the day begins with the jump",
        ),
        pytest.param(
            "day", "2026-11-01T12:00", "America/Havana", "2026-11-01T04:00", "2026-11-02T05:00",
            id="a midnight shown twice: the day begins with the first",
        ),
        pytest.param(
            "day", "2011-12-30T09:00", "Pacific/Apia", "2011-12-29T10:00", "2011-12-30T10:00",
            id="before the day that Samoa left out",
        ),
        pytest.param(
            "day", "2011-12-30T10:00", "Pacific/Apia", "2011-12-30T10:00", "2011-12-31T10:00",
            id="after the day that Samoa left out",
        ),
        pytest.param(
            "hour", "2006-10-29T02:30:30", "America/St_Johns",
            "2006-10-29T02:30", "2006-10-29T02:31",
            id="a clock put back a minute after midnight cuts the hour",
        ),
        pytest.param(
            "day", "2006-10-29T03:00", "America/St_Johns", "2006-10-29T02:30", "2006-10-30T03:30",
            id="a day that began does not end because the clock shows the day before again",
        ),
        pytest.param(
            "day", "1919-03-31T04:30", "America/Toronto", "1919-03-31T04:30", "1919-04-01T04:00",
            id="a jump over midnight: the day begins with the jump",
        ),
    ],
)  # fmt: skip
def test_known_windows(period: Period, now: str, zone: str, start: str, end: str) -> None:
    assert window(period, utc(now), ZoneInfo(zone)) == Window(period, utc(start), utc(end))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        window("day", datetime(2026, 1, 1), ZoneInfo("UTC"))


def test_a_key_names_the_local_start() -> None:
    zone = ZoneInfo("Europe/Berlin")

    assert window_key(window("day", utc("2026-11-23T12:00"), zone), zone) == (
        "day:2026-11-23T00:00+01:00"
    )


def test_keys_differ_also_in_the_repeated_hour() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = [utc("2026-10-24T22:30") + timedelta(hours=n) for n in range(6)]

    keys = [window_key(window("hour", hour, zone), zone) for hour in hours]

    assert all(before != after for before, after in pairwise(keys))
    assert len(set(keys)) == len(keys)
