"""Burn rate: a limit is used up so fast that it will be gone before its window ends."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.limits import SPAN, Line, clock, lasting
from manager_agent.rules.outlook import Usual, outlook
from manager_agent.rules.pace import Pace, Recent, near, too_fast
from manager_agent.rules.rule import rule


@rule
class BurnRate:
    """Tells when a daily or monthly limit, of money or tokens, is used up far too fast.

    A long and a short window must agree, so that it is neither a moment nor over: 6 times the even
    pace in an hour and still in the last 5 minutes, or 4 times in 2 hours and in 15 minutes, for a
    day; 14.4 times in an hour, or 6 times in 6 hours, for a month. Limits of groups and the fleet
    are watched too. Not told where the agents' usual rhythm says that the limit will do.
    """

    factor: Annotated[float, Field(gt=0)] = 1.0
    """On all these multiples: 2 is half as sensitive."""

    min_calls: Annotated[int, Field(ge=1)] = 10
    """Calls in the long window before its pace is judged."""

    enough_percent: Annotated[float, Field(ge=0, le=100)] = 5.0
    """Percent of chance, by the agents' rhythm, that the limit is passed; below it all is well."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every limit that will not last, with the time at which it is gone."""
        recent, usual = Recent(frames, now), Usual(frames, now)
        for line in lasting(frames, near, *recent.wide(), self.factor):
            pace = too_fast(line, recent, now, self.factor, self.min_calls)
            if pace is None:
                continue
            seen = outlook(line, usual, now) if line.period == "day" else None
            # What is above the usual now is no part of the rhythm: let it last for another hour.
            more = pace.used * (line.period == "day")
            if seen is None or seen.above(line.limit - more) * 100 >= self.enough_percent:
                yield _finding(line, pace, now, frames.policy.zone)


def _finding(line: Line, pace: Pace, now: datetime, zone: ZoneInfo) -> Finding:
    minutes = round(pace.watch.long.total_seconds() / 60)
    gone = clock(pace.gone_at, now, zone)
    most = f"; most by {', '.join(line.spenders)}" if line.spenders else ""
    return Finding(
        rule="burn_rate",
        subject=line.subject(zone),
        agent=line.agent,
        severity="critical" if line.priority <= 2 or line.agent is None else "warning",
        title=f"{line.who}: {SPAN[line.period]} budget burns fast",
        headline=f"at this pace the {SPAN[line.period]} budget of {line.who} is gone at {gone}: "
        f"{line.shown(pace.used)} in {minutes} minutes, {line.shown(line.spent)} of its "
        f"{line.shown(line.limit)} so far{most}",
        evidence={
            "who": line.who,
            "period": line.period,
            "unit": line.unit,
            **line.facts(used=pace.used, spent=line.spent, limit=line.limit),
            "minutes": minutes,
            "calls": pace.calls,
            "times_even_pace": round(pace.times, 1),
            "gone_at": pace.gone_at.astimezone(zone).isoformat(timespec="minutes"),
            "resets_at": line.resets_at.astimezone(zone).isoformat(timespec="minutes"),
            "enforcement": line.enforcement,
            "unpriced_calls": line.unpriced_calls,
        },
        until=line.resets_at,
        tell_resolved=True,
    )
