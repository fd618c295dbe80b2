"""Each limit with what was spent of it, as a frame."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter

import duckdb
import polars as pl

from manager_agent.analytics.frames import BUDGETS, POOLS, BudgetRow
from manager_agent.analytics.kept import DAY, HOUR, MINUTE, Kept
from manager_agent.analytics.pools_frame import pools_spent
from manager_agent.analytics.spend import Spend, Spends, spent
from manager_agent.analytics.tiled import Tiled
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.window import PERIODS, Period, Window, window

_SPENT = pl.Schema(
    {
        "ts": pl.Datetime("us", "UTC"),
        "agent": pl.String(),
        "cost_usd": pl.Decimal(38, 9),
        "tokens": pl.Int64(),
        "unpriced_calls": pl.Int64(),
    }
)

_VALUES = attrgetter(*(field.name for field in fields(BudgetRow)))  # astuple copies each value


class BudgetsFrame:
    """`Frames.budgets`, the sums of stretches kept from look to look."""

    def __init__(self) -> None:
        self.kept = (
            Kept("spent_hours", DAY, _SPENT),
            Kept("spent_hours", HOUR, _SPENT),
            Kept("spent_minutes", MINUTE, _SPENT),
        )
        self._tiled = Tiled(*self.kept)
        self._last: tuple[BudgetPolicy, list[pl.DataFrame], dict[Period, Window]] | None = None
        self._frame = pl.DataFrame(schema=BUDGETS)
        self.pools = pl.DataFrame(schema=POOLS)
        """`Frames.pools`, as of the last `frame`."""

    def frame(
        self, con: duckdb.DuckDBPyConnection, now: datetime, policy: BudgetPolicy
    ) -> pl.DataFrame:
        """Return the limits that `policy` sets, by agent, period and unit."""
        windows = windows_of(now, policy)
        ranges = {period: (found.start, found.end) for period, found in windows.items()}
        found = self._tiled.sums(con, list(ranges.values()), now)
        sums = [found[each] for each in ranges.values()]
        if self._known(policy, sums, windows):
            return self._frame
        spends: Spends = {
            period: {agent: Spend(*row) for agent, *row in found[each].iter_rows()}
            for period, each in ranges.items()
        }
        rows = map(_VALUES, limits_spent(policy, windows, spends))
        self._frame = pl.DataFrame(list(rows), schema=BUDGETS, orient="row")
        self.pools = pools_spent(policy, windows, spends)
        self._last = (policy, sums, windows)
        return self._frame

    def _known(
        self, policy: BudgetPolicy, sums: list[pl.DataFrame], windows: dict[Period, Window]
    ) -> bool:
        if self._last is None:
            return False
        old_policy, old_sums, old_windows = self._last
        same = old_policy is policy and old_windows == windows and len(sums) == len(old_sums)
        return same and all(one is other for one, other in zip(sums, old_sums, strict=True))


def windows_of(now: datetime, policy: BudgetPolicy) -> dict[Period, Window]:
    """Return the windows around `now` that some limit is set for."""
    periods = policy.periods()
    return {period: window(period, now, policy.zone) for period in PERIODS if period in periods}


def limits_spent(
    policy: BudgetPolicy,
    windows: Mapping[Period, Window],
    spends: Spends,
    only: str | None = None,
) -> list[BudgetRow]:
    """Return each limit with what was spent of it, ordered by agent, period, unit.

    Agents are those with an entry of their own, and those seen in a window that limits are set
    for, where `default` gives them limits; or `only` one, seen or not.
    """
    agents = {only} if only is not None else set(policy.agents).union(*spends.values())
    return [row for agent in sorted(agents) for row in _rows(agent, policy, windows, spends)]


def _rows(
    agent: str, policy: BudgetPolicy, windows: Mapping[Period, Window], spends: Spends
) -> Iterator[BudgetRow]:
    limits = policy.limits_of(agent)
    if limits is None:
        return
    for limit in limits.each():
        spend = spends[limit.period].get(agent, Spend())
        yield BudgetRow(
            agent=agent,
            period=limit.period,
            unit=limit.unit,
            limit=limit.amount,
            spent=spent(spend, limit),
            window_start=windows[limit.period].start,
            resets_at=windows[limit.period].end,
            unpriced_calls=spend.unpriced_calls,
            priority=limits.priority,
            enforcement=limits.enforcement,
        )
