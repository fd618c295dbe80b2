"""Takes the frames for the rules from the rollups of a DuckDB connection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import duckdb
import polars as pl

from manager_agent.analytics import usage_frames
from manager_agent.analytics.frames import (
    BUDGETS,
    GUARDED,
    UNPRICED,
    BudgetRow,
    Frames,
    LedgerRow,
    Thresholds,
)
from manager_agent.contract.budget import BudgetPolicy, Limit
from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import PERIODS, Period, Window, window

UNPRICED_WITHIN = timedelta(hours=24)
RECENT = timedelta(minutes=2)
"""Spend that is younger need not be known yet on both sides: by spans, and by the ledger."""


@dataclass(frozen=True, slots=True)
class _Spend:
    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    unpriced_calls: int = 0


def load(
    con: duckdb.DuckDBPyConnection,
    now: datetime,
    policy: BudgetPolicy,
    ledger: Sequence[LedgerRow] = (),
    thresholds: Thresholds | None = None,
) -> Frames:
    """Return what rules may see at `now`; each table is read within a range of time.

    `ledger`: the limits in their present windows, as the ledger has them at `now`. `thresholds`:
    those that people named; none by default.

    Budgets count all that the windows of `now` hold, also rows stamped after `now` by a clock that
    is ahead; the other frames leave those out. Raises `duckdb.Error` where the views of `install`
    are missing.
    """
    return Frames(
        budgets=pl.DataFrame(
            [astuple(row) for row in budget_rows(con, now, policy)], schema=BUDGETS, orient="row"
        ),
        unpriced=_unpriced(con, now),
        policy=policy,
        guarded=_guarded(con, now, ledger),
        hours=usage_frames.hours(con, now),
        minutes=usage_frames.minutes(con, now),
        calls=usage_frames.calls(con, now),
        tools=usage_frames.tools(con, now),
        thresholds=thresholds or Thresholds(),
    )


def budget_rows(
    con: duckdb.DuckDBPyConnection, now: datetime, policy: BudgetPolicy, only: str | None = None
) -> list[BudgetRow]:
    """Return each limit with what was spent of it at `now`, ordered by agent, period, unit.

    Agents are those with an entry of their own, and those seen in a window that limits are set
    for, where `default` gives them limits; or `only` one, seen or not.
    """
    windows = {
        period: window(period, now, policy.zone) for period in PERIODS if period in policy.periods()
    }
    spends = {period: _spend(con, found) for period, found in windows.items()}
    agents = {only} if only is not None else set(policy.agents).union(*spends.values())
    return [row for agent in sorted(agents) for row in _rows(agent, policy, windows, spends)]


def _rows(
    agent: str,
    policy: BudgetPolicy,
    windows: Mapping[Period, Window],
    spends: Mapping[Period, Mapping[str, _Spend]],
) -> Iterator[BudgetRow]:
    limits = policy.limits_of(agent)
    if limits is None:
        return
    for limit in limits.each():
        spend = spends[limit.period].get(agent, _Spend())
        yield BudgetRow(
            agent=agent,
            period=limit.period,
            unit=limit.unit,
            limit=limit.amount,
            spent=_spent(spend, limit),
            window_start=windows[limit.period].start,
            resets_at=windows[limit.period].end,
            unpriced_calls=spend.unpriced_calls,
            priority=limits.priority,
            enforcement=limits.enforcement,
        )


def _spent(spend: _Spend, limit: Limit) -> int:
    return nano_usd(spend.cost_usd) if limit.unit == "usd" else spend.tokens


def _spend(con: duckdb.DuckDBPyConnection, found: Window) -> dict[str, _Spend]:
    hours_start, hours_end = whole_hours(found)
    ends = {
        "start": _naive(found.start),
        "hours_start": _naive(hours_start),
        "hours_end": _naive(hours_end),
        "end": _naive(found.end),
    }
    return {agent: _Spend(*sums) for agent, *sums in _run(con, "spend", ends)}


def whole_hours(found: Window) -> tuple[datetime, datetime]:
    """Return the whole UTC hours inside a window; both its end where it holds none."""
    first = _hour_of(found.start + timedelta(hours=1) - timedelta(microseconds=1))
    last = _hour_of(found.end)
    return (first, last) if first <= last else (found.end, found.end)


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _unpriced(con: duckdb.DuckDBPyConnection, now: datetime) -> pl.DataFrame:
    rows = _run(con, "unpriced", {"since": _naive(now - UNPRICED_WITHIN), "now": _naive(now)})
    aware = [(*row[:-2], *(moment.replace(tzinfo=UTC) for moment in row[-2:])) for row in rows]
    return pl.DataFrame(aware, schema=UNPRICED, orient="row")


def _guarded(
    con: duckdb.DuckDBPyConnection, now: datetime, ledger: Sequence[LedgerRow]
) -> pl.DataFrame:
    windows: dict[tuple[datetime, datetime], list[LedgerRow]] = {}
    for row in ledger:
        windows.setdefault((row.window_start, row.resets_at), []).append(row)
    rows: list[tuple[object, ...]] = []
    for (start, end), those in windows.items():
        params = {"start": _naive(start), "end": _naive(end), "recent": _naive(now - RECENT)}
        spends = {agent: tuple(sums) for agent, *sums in _run(con, "leased_spend", params)}
        rows += filter(None, (_guarded_row(one, spends) for one in those))
    return pl.DataFrame(rows, schema=GUARDED, orient="row")


def _guarded_row(
    row: LedgerRow, spends: Mapping[str, tuple[int, ...]]
) -> tuple[object, ...] | None:
    """Return a limit beside what spans say of it; None where no guard spent from it."""
    mine = [sums for agent, sums in spends.items() if row.agents is None or agent in row.agents]
    receipts, nano, tokens, recent_nano, recent_tokens = (
        map(sum, zip(*mine, strict=True)) if mine else (0,) * 5
    )
    usd = row.unit == "usd"
    spans, recent = (nano, recent_nano) if usd else (tokens, recent_tokens)
    if not (row.guarded or spans):
        return None
    said = (row.scope, row.name, row.period, row.unit, row.guarded, receipts if usd else spans)
    return (*said, spans, recent, row.window_start, row.resets_at)


def _run(
    con: duckdb.DuckDBPyConnection, name: str, params: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    sql = (
        files("manager_agent.analytics").joinpath("sql", "frames", f"{name}.sql").read_text("utf-8")
    )
    with con.cursor() as cursor:
        return cursor.execute(sql, dict(params)).fetchall()


def _naive(moment: datetime) -> datetime:
    """Return `moment` as the database keeps it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
