"""Takes the frames for the rules from a DuckDB connection."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb

from manager_agent.analytics.budgets_frame import limits_spent, windows_of
from manager_agent.analytics.creep import creep
from manager_agent.analytics.frames import BudgetRow, Frames, LedgerRow, Thresholds
from manager_agent.analytics.kept import text
from manager_agent.analytics.kept_frames import KeptFrames
from manager_agent.analytics.spend import Spend
from manager_agent.analytics.weeks_frames import normal_hours
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.stored_time import naive
from manager_agent.contract.window import Window


def load(
    con: duckdb.DuckDBPyConnection,
    now: datetime,
    policy: BudgetPolicy,
    ledger: Sequence[LedgerRow] = (),
    thresholds: Thresholds | None = None,
    kept: KeptFrames | None = None,
) -> Frames:
    """Return what rules may see at `now`; each table is read within a range of time.

    `ledger`: the limits in their present windows, as the ledger has them at `now`. `thresholds`:
    those that people named; none by default. `kept`: what is known from an earlier look and did
    not change since; see `FrameSource`.

    Budgets count all that the windows of `now` hold, also rows stamped after `now` by a clock that
    is ahead; the other frames leave those out. Raises `duckdb.Error` where the views of `install`
    are missing.
    """
    kept = kept or KeptFrames()
    normal, usual = normal_hours(con, now, policy.zone, kept.hourly)
    return Frames(
        budgets=kept.budgets.frame(con, now, policy),
        unpriced=kept.unpriced.frame(con, now),
        policy=policy,
        guarded=kept.guarded.frame(con, now, ledger),
        hours=kept.usage.hours(con, now),
        minutes=kept.usage.minutes(con, now),
        calls=kept.usage.calls(con, now),
        tools=kept.usage.tools(con, now),
        thresholds=thresholds or Thresholds(),
        baselines=normal,
        references=usual,
        pools=kept.budgets.pools,
        creep=kept.hourly.get("creep", lambda: creep(kept.hourly.days(con, now), now)),
    )


def budget_rows(
    con: duckdb.DuckDBPyConnection, now: datetime, policy: BudgetPolicy, only: str | None = None
) -> list[BudgetRow]:
    """Return each limit with what was spent of it at `now`, ordered by agent, period, unit.

    Agents are those with an entry of their own, and those seen in a window that limits are set
    for, where `default` gives them limits; or `only` one, seen or not.
    """
    windows = windows_of(now, policy)
    spends = {period: _spend(con, found) for period, found in windows.items()}
    return limits_spent(policy, windows, spends, only)


def _spend(con: duckdb.DuckDBPyConnection, found: Window) -> dict[str, Spend]:
    hours_start, hours_end = whole_hours(found)
    ends = {
        "start": naive(found.start),
        "hours_start": naive(hours_start),
        "hours_end": naive(hours_end),
        "end": naive(found.end),
    }
    rows = con.execute(text("spend"), ends).fetchall()
    return {agent: Spend(*sums) for agent, *sums in rows}


def whole_hours(found: Window) -> tuple[datetime, datetime]:
    """Return the whole UTC hours inside a window; both its end where it holds none."""
    first = _hour_of(found.start + timedelta(hours=1) - timedelta(microseconds=1))
    last = _hour_of(found.end)
    return (first, last) if first <= last else (found.end, found.end)


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
