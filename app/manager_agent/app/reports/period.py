"""The stretch of time that a report is about: calendar periods of a time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from manager_agent.contract.window import Window, window

Kind = Literal["hourly", "daily", "weekly", "issues"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, both UTC. `name` tells it from all others of its kind."""

    kind: Kind
    start: datetime
    end: datetime
    name: str

    @property
    def key(self) -> str:
        """Under which key the outbox holds its report, at most one: `report:daily:2026-11-25`."""
        return f"report:{self.kind}:{self.name}"


def period(kind: Kind, at: datetime, zone: ZoneInfo, interval: timedelta) -> Period:
    """Return the period that holds `at`. `interval`: length of those of hourly summaries.

    A report of issues is of a day.
    """
    if kind == "hourly":
        found = _interval(at, zone, interval)
        name = found.start.astimezone(zone).isoformat(timespec="minutes")
    elif kind == "weekly":
        found = _week(at, zone)
        name = found.start.astimezone(zone).strftime("%G-W%V")
    else:
        found = window("day", at, zone)
        name = found.start.astimezone(zone).date().isoformat()
    return Period(kind, found.start, found.end, name)


def period_before(kind: Kind, at: datetime, zone: ZoneInfo, interval: timedelta) -> Period:
    """Return the last period that is over at `at`."""
    return period(kind, period(kind, at, zone, interval).start - _MOMENT, zone, interval)


def days_before(end: datetime, count: int, zone: ZoneInfo) -> list[Window]:
    """Return the last `count` calendar days up to `end`, the first of them first.

    The last one is cut where `end` lies within it.
    """
    found: list[Window] = []
    moment = end
    while len(found) < count:
        day = window("day", moment - _MOMENT, zone)
        found.append(Window("day", day.start, min(day.end, end)))
        moment = day.start
    return found[::-1]


def same_time_yesterday(found: Period, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the stretch as long as `found` that began when clocks showed the same a day before."""
    wall = found.start.astimezone(zone) - _DAY  # a day back on the clock, whatever its length
    start = wall.astimezone(UTC)
    return start, start + (found.end - found.start)


def hour_of_day(day: Window, hour: int, zone: ZoneInfo) -> datetime:
    """Return when the clock first shows `hour` o'clock on `day`, or jumps over it; UTC."""
    local = day.start.astimezone(zone).date()
    return datetime.combine(local, time(hour), zone).astimezone(UTC)


def _interval(at: datetime, zone: ZoneInfo, interval: timedelta) -> Window:
    """Return an interval: an hour by the clock, a part of a day, or of the weeks since 1970."""
    if interval == _HOUR:
        return window("hour", at, zone)
    if interval > _DAY:
        start = at - (at - _MONDAY) % interval
        return Window("hour", start.astimezone(UTC), (start + interval).astimezone(UTC))
    day = window("day", at, zone)
    start = at.astimezone(UTC) - (at - day.start) % interval
    return Window("hour", start, min(start + interval, day.end))


def _week(at: datetime, zone: ZoneInfo) -> Window:
    today = window("day", at, zone).start.astimezone(zone).date()
    monday = today - today.weekday() * _DAY
    return Window("day", _begin(monday, zone), _begin(monday + 7 * _DAY, zone))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return window("day", datetime.combine(day, time(12), zone), zone).start
