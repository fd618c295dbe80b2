"""What a daily or weekly report is made of, read once from one cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from manager_agent.analytics.report_seen import Seen, SeenIssues, issues, seen
from manager_agent.analytics.report_used import Sum, Used, by_agent, total, used
from manager_agent.analytics.savings.suggest import Savings
from manager_agent.app.reports.limits import LimitLine, limit_lines
from manager_agent.app.reports.period import Period, days_before, period_before
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.window import Window, window

TREND_DAYS = 14
PACE_DAYS = 7
"""By whose mean the rest of a month is reckoned."""

NOTHING = Savings((), 0, 0)
"""Nothing could be cheaper where nothing was called."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a report tells of `period`. `lines`: what was used in it; `before`: in the one before.

    `days`: the last days up to its end with what was used in each, `month` of the month so far.
    `limits`: those of days and months as they stood at its end. `savings`: what could be cheaper,
    a text where that could not be looked for, and why.
    """

    period: Period
    lines: Sequence[Used]
    before: Sequence[Used]
    days: Sequence[tuple[Window, Sequence[Used]]]
    month: Window
    month_so_far: Sum
    seen: Seen
    issues: SeenIssues
    limits: Sequence[LimitLine]
    savings: Savings | str = NOTHING

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to tell, nor was on any of the last days."""
        quiet = not self.seen.refused and not self.seen.alerted.open
        return quiet and not self.lines and not any(used_then for _, used_then in self.days)

    @property
    def pace(self) -> dict[str | None, int]:
        """What each agent costs a day, by the last days: nano-USD."""
        recent = [line for _, used_then in self.days[-PACE_DAYS:] for line in used_then]
        return {agent: of.cost // PACE_DAYS for agent, of in by_agent(recent).items()}

    @property
    def month_expected(self) -> int:
        """What the month will have cost if it goes on like its last days; nano-USD."""
        return self.month_so_far.cost + round(
            sum(self.pace.values()) * days_left(self.month, self.period)
        )

    @property
    def kept(self) -> int | None:
        """What the refused calls would have cost at what their agents' calls do; nano-USD.

        None where calls of an agent were refused whose calls' cost nobody knows.
        """
        known = by_agent([line for _, used_then in self.days for line in used_then])
        sums = [(one.calls, known.get(one.agent, Sum())) for one in self.seen.refused]
        if any(of.calls <= of.unpriced for _, of in sums):
            return None
        return sum(calls * of.cost // (of.calls - of.unpriced) for calls, of in sums)


def gathered(con: duckdb.DuckDBPyConnection, found: Period, policy: BudgetPolicy) -> Gathered:
    """Read all but savings. `policy`: the limits that hold, and the zone. Raises `duckdb.Error`."""
    zone = policy.zone
    before = period_before(found.kind, found.start, zone, timedelta(hours=1))
    days = days_before(found.end, TREND_DAYS, zone)
    month = window("month", found.end - _MOMENT, zone)
    ranges = [(found.start, found.end), (before.start, before.end), (month.start, found.end)]
    lines, earlier, so_far, *by_day = used(con, ranges + [(day.start, day.end) for day in days])
    pairs = list(zip(days, by_day, strict=True))
    recent = [line for each in by_day[-PACE_DAYS:] for line in each]
    return Gathered(
        period=found,
        lines=lines,
        before=earlier,
        days=pairs,
        month=month,
        month_so_far=total(so_far),
        seen=seen(con, (found.start, found.end)),
        issues=issues(con, (found.start, found.end), also_open=False),
        limits=limit_lines(
            policy, {"day": by_day[-1], "month": so_far}, recent, found.end, PACE_DAYS
        ),
    )


def days_left(month: Window, found: Period) -> float:
    """Return how many days of `month` come after `found`."""
    return max(0.0, (month.end - found.end) / timedelta(days=1))
