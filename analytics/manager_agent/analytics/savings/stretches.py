"""Which stretches of time are looked through: all of them, or a spread sample of the busiest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
_GOLDEN = 0.6180339887498949
"""Multiples of it, but for their whole part, spread evenly however many there are."""
_LONGEST = timedelta(days=1)
"""Of a stretch in a sample: a day has a night."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Calls from `start` to before `end` (UTC); `calls`: about how many."""

    start: datetime
    end: datetime
    calls: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`stretches` to look through, in an order whose every beginning is spread over the range.

    `calls` in the whole range. `exact` where the stretches are all of it.
    """

    stretches: Sequence[Stretch]
    calls: int
    exact: bool


def plan(
    hours: Sequence[tuple[datetime, int]],
    since: datetime,
    until: datetime,
    *,
    most: int,
    at_once: int,
) -> Plan:
    """Return what to look through of the calls from `since` to before `until` (UTC).

    `hours`: when calls were made and how many, in order. `most`: calls looked through in all;
    `at_once`: calls of one stretch, unless one part of an hour has more.
    """
    calls = sum(number for _, number in hours)
    whole = calls <= most
    longest = until - since + 2 * HOUR if whole else _LONGEST
    inside = [
        Stretch(max(ts, since), min(ts + HOUR, until), number)
        for ts, number in hours
        if whole or (ts >= since and ts + HOUR <= until)
    ]
    spread = _spread(list(_joined(inside, at_once, longest)))
    if whole:
        return Plan(spread, calls, exact=True)
    return Plan(_first(spread, most), calls, exact=False)


def _joined(hours: Sequence[Stretch], at_once: int, longest: timedelta) -> Iterator[Stretch]:
    """Yield hours put together as long as they are few, and cut where one has too many."""
    last: Stretch | None = None
    for hour in (part for each in hours for part in _cut(each, at_once)):
        if last is None:
            last = hour
        elif last.calls + hour.calls <= at_once and hour.end - last.start <= longest:
            last = Stretch(last.start, hour.end, last.calls + hour.calls)
        else:
            yield last
            last = hour
    if last is not None:
        yield last


def _cut(hour: Stretch, at_once: int) -> Iterator[Stretch]:
    parts = max(1, -(-hour.calls // at_once))
    length = (hour.end - hour.start) / parts
    for number in range(parts):
        end = hour.end if number == parts - 1 else hour.start + (number + 1) * length
        yield Stretch(hour.start + number * length, end, hour.calls // parts)


def _spread(stretches: Sequence[Stretch]) -> list[Stretch]:
    places = [(number * _GOLDEN) % 1 for number in range(len(stretches))]
    return [each for _, each in sorted(zip(places, stretches, strict=True), key=lambda one: one[0])]


def _first(stretches: Sequence[Stretch], most: int) -> list[Stretch]:
    taken: list[Stretch] = []
    calls = 0
    for each in stretches:
        if taken and calls + each.calls > most:
            break
        taken.append(each)
        calls += each.calls
    return taken
