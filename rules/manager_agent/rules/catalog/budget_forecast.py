"""Budget forecast: by an agent's usual rhythm its limit will not last to the end of the window."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars
from manager_agent.rules.finding import Finding
from manager_agent.rules.limits import Line, clock, lasting
from manager_agent.rules.outlook import Outlook, Usual, hour_of, may_pass, outlook
from manager_agent.rules.pace import Recent, too_fast
from manager_agent.rules.rule import rule


@rule
class BudgetForecast:
    """Tells once a window when a daily or monthly limit in USD will be passed before it ends.

    The rest of a day is what its hours usually cost, so agents need three days of history; the rest
    of a month goes on as its days so far, from its second week on. Not told of what is reached
    already, nor of what `burn_rate` tells.
    """

    certainty_percent: Annotated[float, Field(gt=50, lt=100)] = 90.0
    """Percent of chance that the limit is passed."""

    min_passed_percent: Annotated[float, Field(ge=0, le=100)] = 10.0
    """Percent of the window that must have passed."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every limit that is going to be passed, with the end that is to be expected."""
        recent, usual = Recent(frames, now), Usual(frames, now)
        # Only what is more likely than not can be told, and that is asked of all at once.
        for line in lasting(frames, may_pass, frames.baselines, hour_of(now)):
            passed = (now - line.window_start) / (line.resets_at - line.window_start)
            early = passed * 100 < self.min_passed_percent
            if line.period == "hour" or early or not 0 < line.spent < line.limit:
                continue
            seen = outlook(line, usual, now)
            if seen is None or seen.above(line.limit) * 100 < self.certainty_percent:
                continue
            if too_fast(line, recent, now, 1.0, 1) is None:
                yield _finding(line, seen, now, frames.policy.zone)


def _finding(line: Line, seen: Outlook, now: datetime, zone: ZoneInfo) -> Finding:
    low, high = (max(line.spent, each) for each in seen.between())
    return Finding(
        rule="budget_forecast",
        subject=line.subject(zone),
        agent=line.agent,
        severity="warning" if line.priority <= 2 or line.agent is None else "info",
        title=f"{line.who}: {line.name} will not last",
        headline=f"{line.who} will have spent {dollars(round(seen.mean))} ({dollars(low)} to "
        f"{dollars(high)}) of its {dollars(line.limit)} {line.name} when it resets "
        f"{clock(line.resets_at, now, zone)}; {dollars(line.spent)} so far",
        evidence={
            "who": line.who,
            "period": line.period,
            **line.facts(spent=line.spent, limit=line.limit),
            **line.facts(expected=round(seen.mean), low=low, high=high),
            "chance_percent": round(seen.above(line.limit) * 100),
            "resets_at": line.resets_at.astimezone(zone).isoformat(timespec="minutes"),
            "enforcement": line.enforcement,
            "unpriced_calls": line.unpriced_calls,
        },
        until=line.resets_at,
    )
