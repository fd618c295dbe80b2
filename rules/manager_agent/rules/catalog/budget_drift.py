"""Budget drift: what guards reported as spent and what their spans add up to part."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Fact
from manager_agent.rules.rule import rule

_SPAN = {"hour": "hourly", "day": "daily", "month": "monthly"}
_WHY = {
    "spans_missing": "spans were lost on their way, or their sender is cut off: the ledger holds,"
    " the tables of calls lack them",
    "ledger_missing": "calls were charged to leases that this ledger does not have: it was restored"
    " or a limit was set while they ran; say what was spent with `manager-agent budget reset`",
    "prices": "guards price calls otherwise than the manager: their prices are old, or answers tell"
    " less than their spans",
}


@rule
class BudgetDrift:
    """Tells when the budget ledger and the spans of guarded calls part for more than a minute.

    What was spent in the last two minutes does not count: either side may not know of it yet.
    """

    percent: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Of the larger sum: so much they may differ."""

    min_usd: Annotated[float, Field(ge=0)] = 0.01
    """USD that they may differ in any case."""

    min_tokens: Annotated[int, Field(ge=0)] = 1000
    """Tokens that they may differ in any case."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every limit whose two sums differ."""
        for row in frames.guarded.iter_rows(named=True):
            why = self._why(row)
            if why is not None:
                yield _finding(row, why)

    def _why(self, row: dict[str, Any]) -> str | None:
        """Return which of the sums is out of step, None where they agree."""
        ledger, receipts, spans = row["ledger"], row["receipts"], row["spans"]
        least = self.min_usd * 1e9 if row["unit"] == "usd" else self.min_tokens
        allowed = max(least, max(ledger, receipts, spans) * self.percent / 100)
        if abs(ledger - receipts) > allowed + row["recent"]:
            return "spans_missing" if ledger > receipts else "ledger_missing"
        return "prices" if abs(receipts - spans) > allowed else None


def _finding(row: dict[str, Any], why: str) -> Finding:
    subject = " ".join(part for part in (row["scope"], row["name"]) if part)
    of = row["name"] if row["scope"] == "agent" else subject
    limit = f"{_SPAN[row['period']]} {'limit' if row['unit'] == 'usd' else 'token limit'}"
    other = row["spans"] if why == "prices" else row["receipts"]
    mine = row["receipts"] if why == "prices" else row["ledger"]
    shown = dollars if row["unit"] == "usd" else "{:,} tokens".format
    return Finding(
        rule="budget_drift",
        subject=f"{subject}|{row['unit']}|{row['period']}|{row['window_start']:%Y-%m-%dT%H:%MZ}|{why}",
        agent=row["name"] if row["scope"] == "agent" else None,
        severity="warning",
        title=f"{of}: {limit} drifts",
        headline=f"guards say {of} spent {shown(mine)} of its {limit}, spans say {shown(other)}:"
        f" {_WHY[why]}",
        evidence=_facts(row, why),
        hold=timedelta(seconds=60),
        until=row["resets_at"],
        tell_resolved=True,
    )


def _facts(row: dict[str, Any], why: str) -> dict[str, Fact]:
    usd = row["unit"] == "usd"
    sums: dict[str, Fact] = {
        f"{name}_{'usd' if usd else 'tokens'}": usd_text(row[name]) if usd else row[name]
        for name in ("ledger", "receipts", "spans", "recent")
    }
    return {
        "kind": why,
        "scope": row["scope"],
        "name": row["name"],
        "period": row["period"],
        "unit": row["unit"],
        **sums,
        "window_start": row["window_start"].isoformat(timespec="minutes"),
        "resets_at": row["resets_at"].isoformat(timespec="minutes"),
    }
