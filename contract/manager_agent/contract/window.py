"""Calendar windows that budgets are counted in: the hour, day and month of a time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

Period = Literal["hour", "day", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time from `start` (included) to `end` (excluded), both aware and UTC."""

    period: Period
    start: datetime
    end: datetime


def window(period: Period, now: datetime, zone: ZoneInfo) -> Window:
    """Return the window of `zone`'s calendar that holds `now`.

    Windows of one period tile time: no gap, no overlap, whatever the clocks do. A day or month
    begins at its first local midnight, or at the moment a clock jumps over it, so days last 23 to
    25 hours where clocks change. An hour repeated in autumn is two windows of an hour each; where
    a clock moves by less than an hour (Lord Howe Island) the change cuts an hour short.
    Raises `ValueError` where `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError(f"now = {now.isoformat()} has no time zone; pass an aware datetime")
    now = now.astimezone(UTC)
    if period == "hour":
        return _hour(now, zone)
    if period == "day":
        return _day(now, zone)
    return _month(now, zone)


def window_key(window: Window, zone: ZoneInfo) -> str:
    """Return a text that names `window` for ever, e.g. `day:2026-11-23T00:00+01:00`."""
    return f"{window.period}:{window.start.astimezone(zone).isoformat(timespec='minutes')}"


def _hour(now: datetime, zone: ZoneInfo) -> Window:
    local = now.astimezone(zone)
    start = now - timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
    end = start + _HOUR
    last = end - timedelta(microseconds=1)
    if _offset(start, zone) != _offset(now, zone):
        start = _change(start, now, zone)
    if _offset(last, zone) != _offset(now, zone):
        end = _change(now, last, zone)
    return Window("hour", start, end)


def _day(now: datetime, zone: ZoneInfo) -> Window:
    today = now.astimezone(zone).date()
    return _around("day", now, zone, today, lambda day: day + _DAY)


def _month(now: datetime, zone: ZoneInfo) -> Window:
    first = now.astimezone(zone).date().replace(day=1)
    return _around("month", now, zone, first, lambda day: (day + 31 * _DAY).replace(day=1))


def _around(
    period: Period, now: datetime, zone: ZoneInfo, day: date, following: Callable[[date], date]
) -> Window:
    """Return the window around `now`, which begins on `day` or later."""
    # Later, where a clock put back across midnight shows the day before once more.
    while now >= (end := _midnight(following(day), zone)):
        day = following(day)
    return Window(period, _midnight(day, zone), end)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment (UTC) at which `zone`'s clock shows `day` 00:00 or jumps over it."""
    wall = datetime.combine(day, time.min, tzinfo=zone)
    moment = wall.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    # Skipped: read with the offset after the change it lies before the change, and vice versa.
    return _change(wall.replace(fold=1).astimezone(UTC), moment, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the whole second at which the offset became that of `after`."""
    low, high = int(before.timestamp()), int(after.timestamp())
    new = _offset(after, zone)
    while low < high:
        middle = (low + high) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), zone) == new:
            high = middle
        else:
            low = middle + 1
    return datetime.fromtimestamp(high, UTC)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
