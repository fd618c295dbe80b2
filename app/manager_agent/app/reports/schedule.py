"""Which reports are due: pure, from the time alone. The outbox keeps one of each for ever."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from manager_agent.app.reports.period import Kind, Period, hour_of_day, period, period_before
from manager_agent.contract.window import window

SETTLE = timedelta(minutes=1)
"""How long the last calls of a period may be under way before its report is made."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is reported when. `hour`: of the daily and the weekly report, in `zone`.

    `interval`: between two hourly summaries, whole minutes.
    """

    zone: ZoneInfo
    interval: timedelta = timedelta(hours=1)
    hour: int = 9
    kinds: frozenset[Kind] = frozenset({"hourly", "daily", "weekly"})


def due(plan: Plan, now: datetime) -> Iterator[Period]:
    """Yield what should have been told by `now`, the shortest period first; at most one of a kind.

    Of hours the last one that is over: one that was missed is not made up for. Of days, once it is
    `plan.hour` o'clock, the day before; of weeks, from that hour of Monday on, the week before. So
    a manager that was down then tells when it is back, on the same day, or in the same week.
    """
    if "hourly" in plan.kinds:
        yield period_before("hourly", now - SETTLE, plan.zone, plan.interval)
    for kind in ("daily", "issues"):
        if kind in plan.kinds and now >= _hour_of(now, plan):
            yield period_before(kind, now, plan.zone, plan.interval)
    if "weekly" in plan.kinds:
        monday = period("weekly", now, plan.zone, plan.interval).start
        if now >= _hour_of(monday, plan):
            yield period_before("weekly", now, plan.zone, plan.interval)


def missed(found: Period, keys: list[str], plan: Plan) -> list[Period]:
    """Return the periods before `found` that nothing was told of, since the last that was.

    `keys`: of all reports of its kind that were told. Nothing is missed where none ever was.
    """
    earlier = [key for key in keys if key < found.key]
    if not earlier:
        return []
    gone: list[Period] = []
    before = found
    while len(gone) < _MOST_MISSED:
        before = period_before(found.kind, before.start, plan.zone, plan.interval)
        if before.key <= max(earlier):
            return gone[::-1]
        gone.append(before)
    return gone[::-1]


_MOST_MISSED = 31


def _hour_of(moment: datetime, plan: Plan) -> datetime:
    day = window("day", moment, plan.zone)
    return max(hour_of_day(day, plan.hour, plan.zone), day.start + SETTLE)
