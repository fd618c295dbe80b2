"""Budget: an agent has spent a share of its limit that people asked to be warned at."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl

from manager_agent.analytics.frames import BudgetRow, Frames
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.window import Window, window_key
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Fact, Severity
from manager_agent.rules.rule import rule

_SPAN = {"hour": "hourly", "day": "daily", "month": "monthly"}


@rule
class Budget:
    """Tells once per window when an agent reaches each share of a limit in `budgets.warn_at`.

    It has no settings of its own: limits are under `agent_budgets`, shares under
    `budgets.warn_at`, and windows follow `timezone`. Reaching the whole limit is critical, 80 % of
    it a warning, less is for information. A jump over several shares is told once, as the highest.
    """

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every limit that reached a share, with the highest share it reached."""
        yield from frames.remembered.once(_found, frames.budgets, frames.policy)


def _found(budgets: pl.DataFrame, policy: BudgetPolicy) -> list[Finding]:
    if not policy.warn_at:
        return []
    # A little less than the least share: what is exact is asked of those that are near.
    near = pl.col("limit") * (float(min(policy.warn_at)) * 0.999)
    found = []
    for values in budgets.filter(pl.col("spent") >= near).iter_rows():
        row = BudgetRow(*values)
        reached = [share for share in policy.warn_at if _reaches(row, share)]
        if reached:
            found.append(_finding(row, max(reached), policy.zone))
    return found


def _reaches(row: BudgetRow, share: Decimal) -> bool:
    """Compare in integers. Nothing spent reaches no share, not even of a limit of 0."""
    part, whole = share.as_integer_ratio()
    return row.spent > 0 and row.spent * whole >= row.limit * part


def _finding(row: BudgetRow, share: Decimal, zone: ZoneInfo) -> Finding:
    window = window_key(Window(row.period, row.window_start, row.resets_at), zone)
    return Finding(
        rule="budget",
        # The limit is part of it: one that was changed is a new thing to be warned of.
        subject=f"{row.agent}|{row.unit}|{row.limit}|{window}",
        agent=row.agent,
        severity=_severity(share),
        title=f"{row.agent}: {_limit_name(row)}",
        headline=_headline(row, zone),
        evidence=_facts(row, window, zone),
        level=int(share * 1_000_000),
        until=row.resets_at,
    )


def _severity(share: Decimal) -> Severity:
    if share >= 1:
        return "critical"
    return "warning" if share >= Decimal("0.8") else "info"


def _limit_name(row: BudgetRow) -> str:
    return f"{_SPAN[row.period]} {'limit' if row.unit == 'usd' else 'token limit'}"


def _headline(row: BudgetRow, zone: ZoneInfo) -> str:
    """Return the sentence; times are local, with the date where it is not the window's first."""
    if row.unit == "usd":
        least = "at least " if row.unpriced_calls else ""
        spent, limit = f"spent {least}{dollars(row.spent)}", dollars(row.limit)
    else:
        spent, limit = f"used {row.spent:,} tokens", f"{row.limit:,}"
    percent = _percent(row)
    share = "" if percent is None else f" ({percent:,} %)"
    start, reset = row.window_start.astimezone(zone), row.resets_at.astimezone(zone)
    when = f"{reset:%H:%M %Z}" if start.date() == reset.date() else f"{reset:%Y-%m-%d %H:%M %Z}"
    return f"{row.agent} {spent} of its {limit} {_limit_name(row)}{share}, resets {when}"


def _percent(row: BudgetRow) -> int | None:
    """Return the share in whole percent, rounded down: 100 is never said too early."""
    return row.spent * 100 // row.limit if row.limit else None


def _facts(row: BudgetRow, window: str, zone: ZoneInfo) -> dict[str, Fact]:
    usd = row.unit == "usd"
    spent: Fact = usd_text(row.spent) if usd else row.spent
    limit: Fact = usd_text(row.limit) if usd else row.limit
    return {
        "agent": row.agent,
        "period": row.period,
        "unit": row.unit,
        "spent_usd" if usd else "spent_tokens": spent,
        "limit_usd" if usd else "limit_tokens": limit,
        "percent": _percent(row),
        "window": window,
        "resets_at": row.resets_at.astimezone(zone).isoformat(timespec="minutes"),
        "enforcement": row.enforcement,
        "priority": row.priority,
        "unpriced_calls": row.unpriced_calls,
    }
