"""Frames in a line, for those who write and test rules."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime

import polars as pl

from manager_agent.analytics.frames import (
    BASELINES,
    BREAKERS,
    BUDGETS,
    CALLS,
    CLOCKS,
    CREEP,
    DROPS,
    GUARDED,
    HEALTH,
    HOURS,
    ISSUES,
    MINUTES,
    POOLS,
    REFERENCES,
    RUNS,
    TOLD,
    TOOLS,
    UNPRICED,
    BudgetRow,
    Frames,
    Thresholds,
)
from manager_agent.contract.budget import BudgetPolicy, Enforcement, Unit
from manager_agent.contract.money import nano_usd
from manager_agent.contract.window import Period, window

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def frames(
    *,
    budgets: Sequence[BudgetRow] = (),
    unpriced: Sequence[tuple[object, ...]] = (),
    guarded: Sequence[tuple[object, ...]] = (),
    hours: Sequence[Mapping[str, object]] = (),
    minutes: Sequence[Mapping[str, object]] = (),
    calls: Sequence[Mapping[str, object]] = (),
    tools: Sequence[Mapping[str, object]] = (),
    baselines: Sequence[Mapping[str, object]] = (),
    references: Sequence[Mapping[str, object]] = (),
    pools: Sequence[Mapping[str, object]] = (),
    creep: Sequence[Mapping[str, object]] = (),
    issues: Sequence[Mapping[str, object]] = (),
    breakers: Sequence[Mapping[str, object]] = (),
    runs: Sequence[Mapping[str, object]] = (),
    clocks: Sequence[Mapping[str, object]] = (),
    told: Sequence[Mapping[str, object]] = (),
    drops: Sequence[Mapping[str, object]] = (),
    health: Sequence[Mapping[str, object]] = (),
    policy: BudgetPolicy | None = None,
    thresholds: Thresholds | None = None,
) -> Frames:
    """Return frames that hold just these rows; `budget` and others below make one each.

    Rows of hours and what follows name what matters: the rest is NULL.
    """
    return Frames(
        budgets=pl.DataFrame([astuple(row) for row in budgets], schema=BUDGETS, orient="row"),
        unpriced=pl.DataFrame(list(unpriced), schema=UNPRICED, orient="row"),
        policy=policy or BudgetPolicy(),
        guarded=pl.DataFrame(list(guarded), schema=GUARDED, orient="row"),
        hours=pl.DataFrame(list(hours), schema=HOURS),
        minutes=pl.DataFrame(list(minutes), schema=MINUTES),
        calls=pl.DataFrame(list(calls), schema=CALLS),
        tools=pl.DataFrame(list(tools), schema=TOOLS),
        thresholds=thresholds or Thresholds(),
        baselines=pl.DataFrame(list(baselines), schema=BASELINES),
        references=pl.DataFrame(list(references), schema=REFERENCES),
        pools=pl.DataFrame(list(pools), schema=POOLS),
        creep=pl.DataFrame(list(creep), schema=CREEP),
        issues=pl.DataFrame(list(issues), schema=ISSUES),
        breakers=pl.DataFrame(list(breakers), schema=BREAKERS),
        runs=pl.DataFrame(list(runs), schema=RUNS),
        clocks=pl.DataFrame(list(clocks), schema=CLOCKS),
        told=pl.DataFrame(list(told), schema=TOLD),
        drops=pl.DataFrame(list(drops), schema=DROPS),
        health=pl.DataFrame(list(health), schema=HEALTH),
    )


def budget(
    agent: str,
    period: Period,
    *,
    spent: str | int,
    limit: str | int,
    unit: Unit = "usd",
    unpriced_calls: int = 0,
    priority: int = 3,
    enforcement: Enforcement = "hard",
    now: datetime = NOW,
    policy: BudgetPolicy | None = None,
) -> BudgetRow:
    """Return a row of `Frames.budgets`; USD as text or number, tokens as int."""
    found = window(period, now, (policy or BudgetPolicy()).zone)
    in_usd = unit == "usd"
    return BudgetRow(
        agent=agent,
        period=period,
        unit=unit,
        limit=nano_usd(limit) if in_usd else int(limit),
        spent=nano_usd(spent) if in_usd else int(spent),
        window_start=found.start,
        resets_at=found.end,
        unpriced_calls=unpriced_calls,
        priority=priority,
        enforcement=enforcement,
    )


def unpriced(
    provider: str,
    model: str,
    *,
    agents: Sequence[str] = ("a1",),
    calls: int = 1,
    tokens: tuple[int, int] = (0, 0),
    seen: tuple[datetime, datetime] = (NOW, NOW),
) -> tuple[object, ...]:
    """Return a row of `Frames.unpriced`; `tokens` are input and output, `seen` first and last."""
    return (provider, model, list(agents), calls, *tokens, *seen)


def guarded(
    ledger: str | int,
    receipts: str | int,
    spans: str | int,
    *,
    recent: str | int = 0,
    scope: str = "agent",
    name: str = "a1",
    period: Period = "hour",
    unit: Unit = "usd",
) -> tuple[object, ...]:
    """Return a row of `Frames.guarded`; USD as text or number, tokens as int."""
    found = window(period, NOW, BudgetPolicy().zone)
    amounts = [
        nano_usd(each) if unit == "usd" else int(each) for each in (ledger, receipts, spans, recent)
    ]
    return (scope, name, period, unit, *amounts, found.start, found.end)
